/**
 * Sets the clock of a program that is run as a child: it ticks as ever, but starts at a time of the
 * test's choice, and at each SIGUSR2 goes on from the next one.
 */

/** Arguments for Node before the program's own; times are milliseconds since the epoch. */
export function clockSetTo(...times: readonly [number, ...number[]]): readonly string[] {
  const code = `
    const times = ${JSON.stringify(times)};
    const now = Date.now;
    let ahead = times.shift() - now();
    Date.now = () => now() + ahead;
    process.on('SIGUSR2', () => { ahead = times.shift() - now(); });`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}
