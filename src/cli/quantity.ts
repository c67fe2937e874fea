/**
 * Ages and sizes as the command line shows and takes them: `3h12m`, `12K`; `--older 4h`,
 * `--larger 5M`. Short rather than exact; the exact values are in `--json`.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;

const AGE = /^(\d{1,9})(s|m|h|d|w)$/;
const AGE_UNITS: Readonly<Record<string, number>> = {
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
};
const SIZE = /^(\d{1,12})([KMG]?)(?:i?B)?$/i;
const SIZE_UNITS: Readonly<Record<string, number>> = { K: KIB, M: KIB ** 2, G: KIB ** 3 };

/** `2s`, `8m`, `3h12m`, `1d4h` */
export function ageText(ms: number): string {
  const rest = Math.max(0, ms);
  if (rest < MINUTE) return `${Math.floor(rest / SECOND)}s`;
  if (rest < HOUR) return `${Math.floor(rest / MINUTE)}m`;
  if (rest < DAY) return two(rest, HOUR, 'h', MINUTE, 'm');
  return two(rest, DAY, 'd', HOUR, 'h');
}

/** How long ago; empty for what never was. */
export function sinceText(now: number, at: number | undefined): string {
  return at === undefined ? '' : ageText(now - at);
}

/** In how long; `now` when its time has come, empty for what is not planned. */
export function untilText(now: number, at: number | undefined): string {
  if (at === undefined) return '';
  return at <= now ? 'now' : ageText(at - now);
}

function two(ms: number, large: number, name: string, small: number, smallName: string): string {
  const part = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${name}${part === 0 ? '' : `${part}${smallName}`}`;
}

/** `812`, `12K`, `1.1M` */
export function sizeText(bytes: number): string {
  if (bytes < KIB) return String(bytes);
  for (const unit of ['K', 'M', 'G']) {
    const value = bytes / (SIZE_UNITS[unit] ?? 1);
    if (value < 9.95 && unit !== 'K') return `${value.toFixed(1)}${unit}`;
    if (value < 1023.5) return `${Math.max(1, Math.round(value))}${unit}`;
  }
  return `${Math.round(bytes / KIB ** 3)}G`;
}

/** `812 B`, `12 KiB`, `1.1 MiB`, for sentences. */
export function longSizeText(bytes: number): string {
  const text = sizeText(bytes);
  return /\D$/.test(text) ? `${text.slice(0, -1)} ${text.slice(-1)}iB` : `${text} B`;
}

/** Milliseconds, or undefined when it is no age such as `90s`, `10m`, `4h`, `5d`. */
export function parseAge(text: string): number | undefined {
  const match = AGE.exec(text);
  const unit = AGE_UNITS[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** Bytes, or undefined when it is no size such as `200`, `64K`, `5M`. */
export function parseBytes(text: string): number | undefined {
  const match = SIZE.exec(text);
  return match === null
    ? undefined
    : Number(match[1]) * (SIZE_UNITS[(match[2] ?? '').toUpperCase()] ?? 1);
}

/** A time: an age before now, or a date. */
export function parseMoment(text: string, now: number): number | undefined {
  const age = parseAge(text);
  if (age !== undefined) return now - age;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
