/**
 * What the doctor says about one thing, in the form that people read and scripts parse. The words of
 * the four states are those of `sluice destination check`.
 */

export type Group =
  | 'config'
  | 'gateway'
  | 'system'
  | 'ports'
  | 'tls'
  | 'dns'
  | 'domain'
  | 'dest'
  | 'rcpt'
  | 'scanner';

export interface Finding {
  /** Of what, such as `disk` or `MX example.org`. */
  readonly check: string;
  readonly status: 'PASS' | 'WARN' | 'FAIL' | 'SKIP';
  readonly detail: string;
  /** What to do about it; present with WARN and FAIL. */
  readonly fix?: string;
  /** It matters here and could not be found out. */
  readonly isUnsure?: true;
}

export function pass(check: string, detail: string): Finding {
  return { check, status: 'PASS', detail };
}

export function warn(check: string, detail: string, fix: string): Finding {
  return { check, status: 'WARN', detail, fix };
}

export function fail(check: string, detail: string, fix: string): Finding {
  return { check, status: 'FAIL', detail, fix };
}

/** Does not apply here. */
export function skip(check: string, detail: string): Finding {
  return { check, status: 'SKIP', detail };
}

/** Applies, but nobody gave an answer. */
export function unsure(check: string, detail: string, fix?: string): Finding {
  return { check, status: 'SKIP', detail, isUnsure: true, ...(fix !== undefined && { fix }) };
}

/** `1 domain`, `12 domains` */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** `a, b, c and 4 more`: a line stays one that a person reads. */
export function named(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
