/**
 * Exit codes of the command line, a contract with scripts: 0 to 3 are also what Nagios understands,
 * the others come from sysexits. A `CliFault` carries one of them and the sentence for the person.
 */
import type { ControlFault } from '../control/client.ts';

export const EXIT = {
  done: 0,
  /** Nothing matched, or warnings only. */
  nothing: 1,
  failed: 2,
  unsure: 3,
  usage: 64,
  unreachable: 69,
  tryLater: 75,
  denied: 77,
  config: 78,
} as const;

export class CliFault extends Error {
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.name = 'CliFault';
    this.exit = exit;
  }
}

/** What a fault of the control socket means for the caller. */
export function exitOf(fault: ControlFault): number {
  switch (fault.kind) {
    case 'unreachable':
      return EXIT.unreachable;
    case 'denied':
      return EXIT.denied;
    case 'broken':
      return EXIT.tryLater;
    case 'refused':
      return REFUSALS[fault.status] ?? EXIT.failed;
  }
}

const REFUSALS: Readonly<Record<number, number>> = {
  400: EXIT.usage,
  401: EXIT.denied,
  404: EXIT.nothing,
  422: EXIT.usage,
  503: EXIT.tryLater,
};
