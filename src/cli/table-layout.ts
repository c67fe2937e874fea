/**
 * Which columns a terminal has room for, and how wide each is: a pure function. First those that may
 * be cut are cut, then columns are left out in their order, until the telling one has room; what is
 * over then goes to the telling one first. Where there is room for all nothing is cut.
 */
export interface ColumnRoom {
  /** What its longest value needs. */
  readonly width: number;
  /** May be cut down to this. */
  readonly min?: number | undefined;
  /** May be left out; the lowest number first. */
  readonly drop?: number | undefined;
  /** The column that people read the list for. */
  readonly isTelling?: boolean | undefined;
}

/** A width for each column, in order; 0 for one that is left out. */
export function layout(columns: readonly ColumnRoom[], gap: number, available: number): number[] {
  const natural = columns.map(({ width }) => width);
  if (total(natural, gap) <= available) return natural;
  const widths = columns.map(({ width, min }) => Math.min(width, min ?? width));
  const leavable = [...columns.keys()]
    .filter((index) => columns[index]?.drop !== undefined)
    .sort((a, b) => (columns[a]?.drop ?? 0) - (columns[b]?.drop ?? 0));
  for (const index of leavable) {
    if (total(widths, gap) <= available) break;
    widths[index] = 0;
  }
  const telling = columns.findIndex(({ isTelling }) => isTelling === true);
  for (let spare = available - total(widths, gap); spare > 0; spare--) {
    const index = neediest(natural, widths, telling);
    if (index === undefined) break;
    widths[index] = (widths[index] ?? 0) + 1;
  }
  return widths;
}

function total(widths: readonly number[], gap: number): number {
  const shown = widths.filter((width) => width > 0);
  return shown.reduce((sum, width) => sum + width, gap * Math.max(0, shown.length - 1));
}

/** The telling column while it is cut, else the narrowest that is. */
function neediest(
  natural: readonly number[],
  widths: readonly number[],
  telling: number,
): number | undefined {
  const isCut = (width: number, index: number) => width > 0 && width < (natural[index] ?? 0);
  if (isCut(widths[telling] ?? 0, telling)) return telling;
  let narrowest: number | undefined;
  widths.forEach((width, index) => {
    if (isCut(width, index) && width < (widths[narrowest ?? -1] ?? Infinity)) narrowest = index;
  });
  return narrowest;
}
