/**
 * spamd's command SYMBOLS: the score and the names of the rules that matched come back. The reply is
 * read strictly: its status, its length and every name must be right, or it throws; a score is never
 * guessed.
 */
import type { Endpoint } from 'sluice-mx/plugin';
import type { RequestOptions } from './request.ts';
import { askAbout, readReply } from './request.ts';

export interface Judgement {
  readonly score: number;
  readonly tests: readonly string[];
}

const SPAM = /^Spam: (?:True|False) ; (-?\d{1,6}(?:\.\d{1,6})?) \/ -?\d{1,6}(?:\.\d{1,6})?$/im;
const LENGTH = /^Content-length: (\d{1,6})$/im;
const TEST = /^[A-Za-z0-9_]{1,100}$/;

export function symbols(
  endpoint: Endpoint,
  message: readonly Uint8Array[],
  options: RequestOptions,
  signal: AbortSignal,
): Promise<Judgement> {
  return askAbout(endpoint, message, { command: 'SYMBOLS', ...options }, signal, readSymbols);
}

export function readSymbols(reply: string): Judgement {
  const { head, body } = readReply(reply);
  const score = SPAM.exec(head)?.[1];
  const length = LENGTH.exec(head)?.[1];
  if (score === undefined || length === undefined) throw new Error('gave no score or no length');
  if (body.length !== Number(length))
    throw new Error('gave a reply of another length than it said');
  const tests = body.trim() === '' ? [] : body.trim().split(',');
  if (!tests.every((test) => TEST.test(test))) throw new Error('gave names that are no rules');
  return { score: Number(score), tests };
}
