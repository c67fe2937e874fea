/** What the API sees of the block and allow lists. */

/** As it was written, in a file or by command; checked by the plugin's own rules. */
export interface ListedEntry {
  readonly [member: string]: unknown;
  /** `command`, or the file that it stands in. */
  readonly source: string;
  /** Of one that was added by command. */
  readonly at?: number;
  readonly by?: string;
}

/** An entry as somebody wants it; nothing of it has been checked. */
export interface ListStep {
  readonly list?: string | undefined;
  readonly who?: string | undefined;
  /** For this domain alone. */
  readonly domain?: string | undefined;
  /** For this mailbox alone. */
  readonly only_for?: string | undefined;
  readonly until?: string | undefined;
  readonly note?: string | undefined;
  readonly unproven?: boolean | undefined;
}

export interface ListsView {
  isInForce(): boolean;
  all(): readonly ListedEntry[];
  add(
    entry: ListStep,
    by: string,
  ): Promise<{ kind: 'added' | 'changed' | 'full' } | { kind: 'wrong'; text: string }>;
  /** What was added by command, and nothing else. */
  remove(
    entry: ListStep,
  ): Promise<{ kind: 'removed' | 'not found' } | { kind: 'wrong'; text: string }>;
}
