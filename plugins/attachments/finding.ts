/**
 * What can be found in a document or archive, and the account of one examination: findings, the rules
 * that files in it meet, and what is left.
 */
import { fileKind } from './file-kind.ts';
import { isDisguised, matches, realNames } from '../shared/file-name.ts';

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

/** What is looked for in the files of an archive. */
export interface MemberRules {
  /** Patterns in lower case. */
  readonly names: readonly string[];
  readonly kinds: readonly string[];
}

export interface Found {
  readonly findings: readonly Finding[];
  /** Patterns that names of files match. */
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  readonly isDisguised: boolean;
}

/** Of one unpacked member: more than any part of an office document that is looked into has. */
const MEMBER_BYTES = 64 * 1024 * 1024;

export class Examination {
  readonly #found = new Set<Finding>();
  readonly #rules: MemberRules;
  readonly #names = new Set<string>();
  readonly #kinds = new Set<string>();
  #isDisguised = false;
  #bytesLeft: number;

  constructor(bytes: number, rules: MemberRules) {
    this.#bytesLeft = bytes;
    this.#rules = rules;
  }

  get found(): Found {
    return {
      findings: FINDINGS.filter((one) => this.#found.has(one)),
      names: [...this.#names],
      kinds: [...this.#kinds],
      isDisguised: this.#isDisguised,
    };
  }

  /** A file in an archive, by its name and how it begins. */
  member(name: string, head: Buffer): void {
    for (const file of realNames(name)) {
      const pattern = this.#rules.names.find((one) => matches(one, file));
      if (pattern !== undefined) this.#names.add(pattern);
    }
    this.#isDisguised ||= isDisguised(name);
    const kind = fileKind(head);
    if (kind !== undefined && this.#rules.kinds.includes(kind)) this.#kinds.add(kind);
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
