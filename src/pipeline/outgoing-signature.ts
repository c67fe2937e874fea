/**
 * The signatures of one outbound message: its body is hashed while it streams in, its header is looked at
 * when it is whole. What came of it stands in the ledger line: `signed`, or why it is `unsigned`.
 */
import type { Clock } from '../base/clock.ts';
import type { RecordWatch } from '../dkim/record-watch.ts';
import { BodyHash } from '../dkim/signature.ts';
import type { SigningKeys } from '../dkim/signer.ts';
import { signMessage } from '../dkim/signer.ts';
import type { HeaderField } from '../mail/header.ts';
import type { Transaction } from './transaction.ts';

export interface SignatureDeps {
  readonly records: Pick<RecordWatch, 'isSeen'>;
  readonly clock: Clock;
}

export class OutgoingSignature {
  readonly #deps: SignatureDeps;
  readonly #transaction: Transaction;
  readonly #keys: SigningKeys;
  readonly #body = new BodyHash();
  #position = 0;

  private constructor(deps: SignatureDeps, transaction: Transaction, keys: SigningKeys) {
    this.#deps = deps;
    this.#transaction = transaction;
    this.#keys = keys;
  }

  /** Undefined for mail that nobody wants signed. */
  static begin(deps: SignatureDeps, transaction: Transaction): OutgoingSignature | undefined {
    const keys = transaction.account && transaction.domain?.signing;
    const hasKeys = keys?.domains.some(({ all }) => all.length > 0) === true;
    return hasKeys ? new OutgoingSignature(deps, transaction, keys) : undefined;
  }

  /** Each piece of the content, in order; `bodyStart` counts from its beginning. */
  write(bytes: Uint8Array, bodyStart: number | undefined): void {
    const from = this.#position;
    this.#position += bytes.length;
    if (bodyStart === undefined || bodyStart >= this.#position) return;
    this.#body.write(bytes.subarray(Math.max(0, bodyStart - from)));
  }

  /** Whole fields for the top of the message, or nothing; once. */
  async fields(header: Buffer, fields: readonly HeaderField[]): Promise<string> {
    const selector = this.#transaction.account?.dkimSelector;
    const at = this.#deps.clock.now();
    const message = { header, fields, bodyHash: this.#body.end(), selector, at };
    const signed = await signMessage(message, this.#keys, (key) => this.#deps.records.isSeen(key));
    if (signed.kind === 'signed') {
      this.#transaction.note({ signed: signed.by });
      return signed.top;
    }
    this.#transaction.note({ unsigned: signed.why });
    return '';
  }
}
