/** A moment as the clock of a time zone shows it: `2026-11-28 00:00 (Europe/Berlin)`. */
export function localTime(at: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return `${format.format(at)} (${timeZone})`;
}
