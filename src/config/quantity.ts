/**
 * Durations (`30s`, `5m`, `4h`, `5d`) and sizes (`64KiB`, `10MiB`) as people write them. A number
 * without a unit is refused, for nobody knows which unit was meant. The text forms of defaults and
 * bounds in messages come from here as well.
 */
const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,9})(B|KiB|MiB|GiB)$/;

const MS_OF: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};
const BYTES_OF: Readonly<Record<string, number>> = {
  GiB: 1024 ** 3,
  MiB: 1024 ** 2,
  KiB: 1024,
  B: 1,
};

export const DURATION_HINT = 'a duration such as 30s, 5m, 4h or 5d';
export const SIZE_HINT = 'a size such as 64KiB, 10MiB or 1GiB';

/** Milliseconds, or undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION, MS_OF);
}

/** Bytes, or undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZE, BYTES_OF);
}

/** The shortest exact text that `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  return format(ms, MS_OF);
}

/** The shortest exact text that `parseSize` reads back. */
export function formatSize(bytes: number): string {
  return format(bytes, BYTES_OF);
}

function parse(text: string, form: RegExp, units: Readonly<Record<string, number>>) {
  const match = form.exec(text);
  const unit = units[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

function format(value: number, units: Readonly<Record<string, number>>): string {
  for (const [unit, factor] of Object.entries(units)) {
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  }
  return `0${Object.keys(units).at(-1)}`;
}
