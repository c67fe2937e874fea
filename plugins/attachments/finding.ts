/** What can be found in a document, and the account of one examination: findings and what is left. */
export const FINDINGS = ['vba', 'xlm', 'basic', 'dde', 'encrypted', 'unexamined'] as const;

/**
 * - `vba`: a VBA project, with or without code in it
 * - `xlm`: a macro sheet of Excel 4
 * - `basic`: a macro of OpenDocument, in Basic or another language
 * - `dde`: a field or link that starts a program by DDE
 * - `encrypted`: content that only a password opens
 * - `unexamined`: damaged, beyond the limits, or packed in a way that is not read here
 */
export type Finding = (typeof FINDINGS)[number];

export interface DocumentLimits {
  /** Octets that may come out of the unpacking, all of it together. */
  readonly bytes: number;
  /** Documents within documents. */
  readonly depth: number;
}

/** Of one unpacked member: more than any part of an office document that is looked into has. */
const MEMBER_BYTES = 64 * 1024 * 1024;

export class Examination {
  readonly #found = new Set<Finding>();
  #bytesLeft: number;

  constructor(bytes: number) {
    this.#bytesLeft = bytes;
  }

  get findings(): Finding[] {
    return FINDINGS.filter((one) => this.#found.has(one));
  }

  note(finding: Finding): void {
    this.#found.add(finding);
  }

  /** How many octets the next unpacking may give. */
  get allowance(): number {
    return Math.min(this.#bytesLeft, MEMBER_BYTES);
  }

  spend(bytes: number): void {
    this.#bytesLeft = Math.max(0, this.#bytesLeft - bytes);
  }
}
