/** Tar archives (POSIX ustar, pax, GNU and the older form): the files in them. */
export interface TarMember {
  /** All that one reader or another takes for its name. */
  readonly names: readonly string[];
  readonly bytes: Buffer;
}

export interface TarListing {
  readonly members: readonly TarMember[];
  /** False when there are more members than are read, or one is cut or damaged. */
  readonly isWhole: boolean;
}

const BLOCK = 512;
const MAX_MEMBERS = 50_000;
const LONG_NAME = 'L';
const PAX = 'x';
/** Of all files that follow. */
const PAX_OF_ALL = 'g';
const NAME_BYTES = 100;
const MAX_NAMES = 100;
/** Types of files; the rest are folders, links and devices. */
const FILES: readonly string[] = ['0', '\0', '7'];

/** Whether the bytes begin with a header: its checksum is right. */
export function isTar(bytes: Buffer): boolean {
  if (bytes.length < BLOCK || bytes[0] === 0) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 32 : (bytes[at] ?? 0);
  return sum === octal(bytes, 148, 8);
}

export function listTar(bytes: Buffer): TarListing {
  const members: TarMember[] = [];
  let told: string[] = [];
  let ofAll: string[] = [];
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header[0] === 0) break;
    if (members.length >= MAX_MEMBERS || !isTar(header)) return { members, isWhole: false };
    const size = octal(header, 124, 12);
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length < size) return { members, isWhole: false };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === LONG_NAME) told.push(text(content, 0, content.length));
    else if (type === PAX) told.push(...paxNames(content));
    else if (type === PAX_OF_ALL) ofAll = paxNames(content);
    else {
      const own = text(header, 0, NAME_BYTES);
      const others = [...told, ...ofAll].slice(-MAX_NAMES);
      told = [];
      // One that fills its place is a longer one cut.
      const isCut = others.length > 0 && header[NAME_BYTES - 1] !== 0;
      const names = isCut ? others : [own, ...others];
      const isFolder = names.every((name) => name.endsWith('/'));
      if (FILES.includes(type) && !isFolder) members.push({ names, bytes: content });
    }
  }
  return { members, isWhole: true };
}

/** Of several the last one counts; some programs only see what others take for the end of a comment. */
function paxNames(content: Buffer): string[] {
  const records = content.toString('utf8').matchAll(PAX_NAME);
  return [...records].map(([, name = '']) => name).slice(-MAX_NAMES);
}

const PAX_NAME = /(?:^|\n)\d{1,10} (?:GNU\.sparse\.name|path)=([^\n]*)/g;

function octal(bytes: Buffer, start: number, length: number): number {
  // GNU writes sizes of 8 GiB and more in binary; no mail has them.
  const digits = /[0-7]+/.exec(text(bytes, start, length))?.[0] ?? '0';
  return Number.parseInt(digits, 8);
}

function text(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
