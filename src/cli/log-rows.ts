/** Events of a log that was written: what is no event, such as other programs' lines, is left out. */
import { linesOf } from '../control/ndjson.ts';
import type { Row } from '../control/rows.ts';
import { asRow, textOf } from './row-reader.ts';

export async function* logRows(input: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  for await (const line of linesOf(input)) {
    const start = line.indexOf('{');
    if (start < 0) continue;
    try {
      const row = asRow(JSON.parse(line.slice(start)));
      if (textOf(row, 'evt') !== '') yield row;
    } catch {
      // not ours
    }
  }
}
