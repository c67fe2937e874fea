/**
 * The files in tar, gz, bz2, xz, lzma, RAR, 7z and winmail.dat: their names and what they are, as far as that is to be
 * had, and the documents among them.
 */
import { constants, gunzipSync } from 'node:zlib';
import { beginningOfBzip2 } from './bzip2.ts';
import { documentKind } from './document-kind.ts';
import type { Examination } from './finding.ts';
import { beginningOfLzmaAlone } from './lzma-alone.ts';
import type { Inner } from './ole-document.ts';
import { listRar } from './rar.ts';
import { listSevenZip } from './seven-zip.ts';
import { isTar, listTar } from './tar.ts';
import { isTnef, listTnef } from './tnef.ts';
import { beginningOfXz } from './xz.ts';

const NOTHING = Buffer.alloc(0);
/** Of a gz so much is unpacked first, and more where it holds little: headers may be long, members empty. */
const HEAD_PACKED = 4096;
const HEAD_BYTES = 64 * 1024;

export function examineTar(bytes: Buffer, examination: Examination, inner: Inner): void {
  const { members, isWhole } = listTar(bytes);
  if (!isWhole) examination.note('unexamined');
  for (const { names, bytes: file } of members) {
    for (const name of names) examination.member(name, file);
    inner(file, names.join('\n'));
  }
}

/** `name`: that of the archive, for the file in it often has none. */
export function examineGz(
  bytes: Buffer,
  name: string,
  examination: Examination,
  inner: Inner,
): void {
  const head = beginning(bytes, examination.allowance);
  const own = name.replace(/\.gz$/gm, '').replace(/\.tgz$/gm, '.tar');
  // Some programs take the name in it, others that of the archive.
  const names = [nameInGz(bytes) ?? [], own.split('\n')].flat();
  for (const one of names) examination.member(one, head ?? NOTHING);
  if (head === undefined) {
    examination.note('unexamined');
    return;
  }
  const within = names.join('\n');
  if (documentKind(head, within) === undefined) return;
  const whole = gunzipped(bytes, examination.allowance);
  if (whole === undefined) examination.note('unexamined');
  else {
    examination.spend(whole.length);
    inner(whole, within);
  }
}

const SLOWLY_PACKED = {
  bz2: beginningOfBzip2,
  xz: beginningOfXz,
  lzma: beginningOfLzmaAlone,
} as const;
/** What is unpacked of these, for which there is nothing but a slow way. */
const BEGINNING_BYTES = 1024 * 1024;

/** What is in it is looked into as far as it has come out whole. */
export function examineSlowlyPacked(
  kind: keyof typeof SLOWLY_PACKED,
  bytes: Buffer,
  name: string,
  examination: Examination,
  inner: Inner,
): void {
  const wanted = Math.min(BEGINNING_BYTES, examination.allowance);
  const begun = wanted > 0 ? SLOWLY_PACKED[kind](bytes, wanted) : undefined;
  const within = name.replace(/\.(?:bz2|xz|lzma)$/gm, '').replace(/\.t(?:bz2?|xz|lz)$/gm, '.tar');
  for (const one of within.split('\n')) examination.member(one, begun?.bytes ?? NOTHING);
  if (begun === undefined) {
    examination.note('unexamined');
    return;
  }
  examination.spend(begun.bytes.length);
  if (begun.isWhole) inner(begun.bytes, within);
  else if (isTar(begun.bytes)) examineCutTar(begun.bytes, examination);
}

/** Those that a cut tar still has. */
function examineCutTar(bytes: Buffer, examination: Examination): void {
  for (const { names, bytes: file } of listTar(bytes).members) {
    for (const name of names) examination.member(name, file);
  }
}

/** How that begins which all members of a gz hold together. */
function beginning(bytes: Buffer, limit: number): Buffer | undefined {
  for (let packed = HEAD_PACKED; ; packed *= 4) {
    const head = gunzipped(bytes.subarray(0, packed), Math.min(limit, packed * 1032));
    if (head === undefined || head.length >= HEAD_BYTES || packed >= bytes.length) return head;
  }
}

/** RFC 1952 2.3.1: the original name, after the extra field. */
function nameInGz(bytes: Buffer): string | undefined {
  const flags = bytes[3] ?? 0;
  if ((flags & 8) === 0 || bytes.length < 12) return undefined;
  const start = (flags & 4) === 0 ? 10 : 12 + bytes.readUInt16LE(10);
  const end = bytes.indexOf(0, start);
  return end < 0 ? undefined : bytes.toString('utf8', start, end).replaceAll('\n', '');
}

function gunzipped(bytes: Buffer, limit: number): Buffer | undefined {
  if (limit <= 0) return undefined;
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit });
  } catch {
    return undefined;
  }
}

export function examineRar(bytes: Buffer, examination: Examination, inner: Inner): void {
  const { members, isEncrypted, isWhole } = listRar(bytes);
  if (!isWhole) examination.note('unexamined');
  if (isEncrypted) examination.note('encrypted');
  for (const member of members) {
    if (member.isEncrypted) examination.note('encrypted');
    examination.member(member.name, member.bytes ?? NOTHING);
    if (member.bytes !== undefined) inner(member.bytes, member.name);
  }
}

export function examineSevenZip(bytes: Buffer, examination: Examination): void {
  const { names, isEncrypted, isWhole } = listSevenZip(bytes);
  if (!isWhole) examination.note('unexamined');
  if (isEncrypted) examination.note('encrypted');
  for (const name of names) examination.member(name, NOTHING);
}

/** Names and contents of one attachment in a winmail.dat; real ones have two or three. */
const MAX_OF_ONE = 16;

export function examineTnef(bytes: Buffer, examination: Examination, inner: Inner): void {
  const { attachments, isWhole } = listTnef(bytes);
  if (!isWhole) examination.note('unexamined');
  for (const { names, contents } of attachments) {
    const called = names.slice(0, MAX_OF_ONE);
    const files = contents.filter(({ length }) => length > 0).slice(0, MAX_OF_ONE);
    if (Math.max(names.length, contents.length) > MAX_OF_ONE) examination.note('unexamined');
    // What a message is called is its subject, and no name of a file.
    const isMessage = files.length > 0 && files.every(isTnef);
    for (const name of isMessage ? [] : called) examination.member(name, NOTHING);
    for (const file of files) {
      examination.member('', file);
      inner(file, called.join('\n'));
    }
  }
}
