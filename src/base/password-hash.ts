/**
 * Passwords as they may be kept: for SCRAM (scram-keys.ts) or as `scrypt:ln=15,r=8,p=1:SALT:KEY`, where ln is the logarithm of the
 * cost (RFC 7914 N) to base 2, salt and key in base64url. The password itself cannot be had from it.
 * Made and checked away from the event loop; costs that would exhaust the machine are no hash.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { randomToken } from './ids.ts';
import type { ScramKeys } from './scram-keys.ts';
import { fitsScramKeys, formatScramKeys, parseScramKeys } from './scram-keys.ts';

export interface ScryptHash {
  readonly kind: 'scrypt';
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

export type PasswordHash = ScryptHash | ScramKeys;

/** 32 MiB and some 80 ms of one core: a guess is dear, a login is not. */
const COST = { ln: 15, r: 8, p: 1 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** Beyond this a hash in a file could bring the machine down with one login. */
const MAX_MEMORY = 256 * 1024 * 1024;
const MAX_P = 16;
const FORM = /^scrypt:ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2}):([\w-]{11,86}):([\w-]{22,86})$/;

/** Undefined when it is not one of ours. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const match = FORM.exec(text);
  if (match === null) return parseScramKeys(text);
  const [ln, r, p] = match.slice(1, 4).map(Number);
  if (ln === undefined || r === undefined || p === undefined) return undefined;
  if (ln < 10 || r < 1 || p < 1 || p > MAX_P || memoryOf(ln, r) > MAX_MEMORY) return undefined;
  const [salt, key] = match.slice(4).map((part) => Buffer.from(part, 'base64url'));
  return salt === undefined || key === undefined
    ? undefined
    : { kind: 'scrypt', ln, r, p, salt, key };
}

export function formatPasswordHash(hash: PasswordHash): string {
  if (hash.kind === 'scram') return formatScramKeys(hash);
  const { ln, r, p, salt, key } = hash;
  const [saltText, keyText] = [salt, key].map((part) => part.toString('base64url'));
  return `scrypt:ln=${ln},r=${r},p=${p}:${saltText}:${keyText}`;
}

export async function hashPassword(password: Uint8Array): Promise<ScryptHash> {
  const salt = Buffer.from(randomToken(SALT_BYTES), 'hex');
  const key = await derive(password, { ...COST, salt }, KEY_BYTES);
  return { kind: 'scrypt', ...COST, salt, key };
}

export async function isPassword(password: Uint8Array, hash: PasswordHash): Promise<boolean> {
  if (hash.kind === 'scram') return fitsScramKeys(password, hash);
  return timingSafeEqual(await derive(password, hash, hash.key.length), hash.key);
}

/** Costs what a new hash costs and fits no password: for accounts that do not exist. */
export function unmatchedHash(): ScryptHash {
  const random = (bytes: number) => Buffer.from(randomToken(bytes), 'hex');
  return { kind: 'scrypt', ...COST, salt: random(SALT_BYTES), key: random(KEY_BYTES) };
}

function derive(
  password: Uint8Array,
  { ln, r, p, salt }: Omit<ScryptHash, 'key' | 'kind'>,
  bytes: number,
): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: memoryOf(ln, r) + 2 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function memoryOf(ln: number, r: number): number {
  return 128 * r * 2 ** ln;
}
