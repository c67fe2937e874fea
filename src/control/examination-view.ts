/** The examination of a customer's server, as it is asked for and as its steps come. */
import type { Address } from '../mail/address.ts';

export interface ExaminationWish {
  readonly domain: string;
  /** Somebody who is there. */
  readonly known: Address | undefined;
  readonly sendTests: boolean;
}

export type StartedExamination =
  | { readonly kind: 'not-hosted' }
  /** The known recipient is of another domain. */
  | { readonly kind: 'not-his' }
  | { readonly kind: 'too-soon'; readonly waitMs: number }
  | {
      readonly kind: 'begun';
      readonly domain: string;
      /** In the order they are examined in; several where a domain is split. */
      readonly servers: readonly ExaminedServer[];
    };

export interface ExaminedServer {
  readonly dest: string;
  readonly steps: AsyncIterable<ExaminationStepView>;
}

export type ExaminationStepView =
  | { readonly kind: 'doing'; readonly text: string }
  | {
      readonly kind: 'row';
      readonly row: {
        readonly test: string;
        readonly status: 'PASS' | 'WARN' | 'FAIL' | 'SKIP';
        readonly detail: string;
        readonly fix?: string;
        readonly samplesMs?: Readonly<Record<string, readonly number[]>>;
      };
    };
