/**
 * Histograms of durations for hot paths: a few steps in an array and no allocation for each, where
 * the metrics library builds and hashes its labels anew every time. Written out in the text form that
 * Prometheus reads. Label values come from closed lists: each has a series for ever.
 */

/** Upper ends of steps, in seconds. */
const BOUNDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Series {
  /** By bound, not summed up; the last one is for what is longer than all. */
  readonly counts: Float64Array;
  seconds: number;
}

/** Counts one that took so long, in milliseconds. */
export type Count = (value: string, ms: number) => void;

interface Histogram {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly bounds: readonly number[];
  readonly series: Map<string, Series>;
}

export class Durations {
  readonly #histograms: Histogram[] = [];

  /** A histogram with one label. */
  of(name: string, label: string, help: string, bounds = BOUNDS): Count {
    const series = new Map<string, Series>();
    this.#histograms.push({ name: `sluice_${name}`, help, label, bounds, series });
    return (value, ms) => {
      let one = series.get(value);
      if (one === undefined) {
        one = { counts: new Float64Array(bounds.length + 1), seconds: 0 };
        series.set(value, one);
      }
      const seconds = ms / 1000;
      let at = 0;
      while (at < bounds.length && seconds > (bounds[at] ?? 0)) at += 1;
      one.counts[at] = (one.counts[at] ?? 0) + 1;
      one.seconds += seconds;
    };
  }

  text(): string {
    return this.#histograms.map(histogramText).join('');
  }
}

function histogramText({ name, help, label, bounds, series }: Histogram): string {
  const lines = [...series].flatMap(([value, one]) =>
    seriesLines(name, `${label}="${value}"`, bounds, one),
  );
  return ['', `# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n');
}

function seriesLines(
  name: string,
  label: string,
  bounds: readonly number[],
  { counts, seconds }: Series,
): string[] {
  let count = 0;
  const buckets = [...counts].map((more, at) => {
    count += more;
    return `${name}_bucket{le="${bounds[at] ?? '+Inf'}",${label}} ${count}`;
  });
  return [...buckets, `${name}_sum{${label}} ${seconds}`, `${name}_count{${label}} ${count}`];
}
