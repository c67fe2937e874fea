/**
 * A program that is run as a child and kills itself right after it has written a batch to LevelDB with
 * a key of a certain beginning: a crash at a place that no clock of a test could hit.
 */

/** Arguments for Node before the program's own. */
export function diesAfterWriting(key: string): readonly string[] {
  const code = `
    import { Level } from ${JSON.stringify(import.meta.resolve('level'))};
    const begin = Level.prototype.batch;
    Level.prototype.batch = function (...ops) {
      const batch = begin.apply(this, ops);
      let isIt = false;
      const { put, write } = batch;
      batch.put = (key, value) => {
        isIt ||= key.startsWith(${JSON.stringify(key)});
        return put.call(batch, key, value);
      };
      batch.write = async (options) => {
        await write.call(batch, options);
        if (isIt) process.kill(process.pid, 'SIGKILL');
      };
      return batch;
    };`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}
