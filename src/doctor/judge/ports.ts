/** Whether the ports of the configuration are, or can be, ours. */
import type { ListenAddress } from '../../config/config.ts';
import { addressText } from '../../config/config.ts';
import type { PortFacts } from '../facts/port.ts';
import type { Finding } from '../finding.ts';
import { fail, pass, unsure } from '../finding.ts';

/** `isNobody`: no gateway of ours can be the one who has it. */
export function judgeFreePort(
  check: string,
  port: ListenAddress,
  facts: PortFacts,
  isNobody: boolean,
): Finding {
  const name = addressText(port);
  switch (facts.kind) {
    case 'free':
      return pass(check, `${name} can be bound`);
    case 'taken': {
      const who = facts.by ?? 'another process';
      if (!isNobody) return unsure(check, `${who} has ${name}: the gateway, it may be`);
      return fail(check, `${who} has ${name}`, `stop it: ss -ltnp 'sport = :${port.port}'`);
    }
    case 'elsewhere':
      return fail(check, `${name}: no interface has this address`, 'correct the address');
    case 'denied':
      return unsure(check, `${name}: this user may not bind it`, 'ask as root');
    case 'fault':
      return fail(check, `${name}: ${facts.text}`, 'correct the address');
    default:
      return facts satisfies never;
  }
}

/** Of a gateway that runs; `greeting` is undefined where none is to be expected. */
export function judgeOpenPort(
  check: string,
  port: ListenAddress,
  isBound: boolean,
  greeting: { readonly line: string } | { readonly fault: string } | undefined,
): Finding {
  const name = addressText(port);
  if (!isBound)
    return fail(check, `${name} is not what the gateway listens on`, 'restart the gateway');
  if (greeting === undefined) return pass(check, `${name} is bound`);
  if ('fault' in greeting)
    return fail(check, `${name}: ${greeting.fault}`, 'see the log of the gateway');
  const { line } = greeting;
  if (line.startsWith('220')) return pass(check, `${name} greets: ${line.slice(0, 100)}`);
  return fail(check, `${name} greets: ${line.slice(0, 200)}`, 'see the log of the gateway');
}
