/**
 * "Did you mean": the known word nearest to one that is not known, or nothing when none is near.
 * Near is at most one slip (a letter wrong, missing, too many, or two swapped) for each three
 * letters; the beginning of a word is near it too, and so is a word with more behind a dash
 * (`data_dir`). Case and the kind of dash do not count.
 */
const MAX_LENGTH = 40; // the work grows with the square of it, and no key of ours is longer
const MIN_BEGINNING = 3;

export function suggestion(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const wanted = plain(word);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const other = plain(candidate);
    const begins = wanted.length >= MIN_BEGINNING && other.startsWith(wanted);
    const goesOn = other.length >= MIN_BEGINNING && wanted.startsWith(`${other}_`);
    const slips = begins || goesOn ? 1 : distance(wanted, other);
    if (slips < least) {
      best = candidate;
      least = slips;
    }
  }
  return best;
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = suggestion(word, known);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

/** Optimal string alignment distance. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
