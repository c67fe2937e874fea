/** What an examination of a destination says: a row for each test, and what it is doing meanwhile. */

export type TestName =
  | 'reach'
  | 'fixed-ip'
  | 'permanent'
  | 'unknown-rcpt'
  | 'accept-all'
  | 'greylist'
  | 'tarpit'
  | 'content'
  | 'tls'
  | 'ext';

export interface TestRow {
  readonly test: TestName;
  readonly status: 'PASS' | 'WARN' | 'FAIL' | 'SKIP';
  readonly detail: string;
  /** What to do about it; present with WARN and FAIL. */
  readonly fix?: string;
  readonly samplesMs?: Readonly<Record<string, readonly number[]>>;
}

export type ExaminationStep =
  | { readonly kind: 'row'; readonly row: TestRow }
  | { readonly kind: 'doing'; readonly text: string };

export const row = (
  test: TestName,
  status: TestRow['status'],
  detail: string,
  fix?: string,
): TestRow => ({ test, status, detail, ...(fix !== undefined && { fix }) });
