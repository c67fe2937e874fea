/**
 * Changing the text of one domain file: what it would be is held against everything else before it is
 * written; then it takes the old one's place in one step, with its owner and mode. Two who change the
 * same file at a time do not undo each other.
 */
import { chmod, chown, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '../base/sync-folder.ts';
import { formatProblem, hasErrors } from '../config/problem.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import type { Cli } from './cli.ts';
import { isThere } from './domain-file-change.ts';
import { CliFault, EXIT } from './exit.ts';
import { printable } from './terminal.ts';

const MODE_BITS = 0o7777;

/** `change` returns the new text; undefined: the form of the file is beyond it. */
export async function editDomainFile(
  cli: Cli,
  file: string,
  change: (text: string) => Promise<string | undefined>,
): Promise<void> {
  const path = await realpath(file);
  // Not read as a domain file, and there only while somebody is at work.
  const draft = join(dirname(path), `.${basename(path)}.new`);
  const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    if (!isThere(error)) throw error;
    const text = `somebody else is changing ${printable(file)}; if nobody is, remove ${printable(draft)}`;
    throw new CliFault(EXIT.tryLater, text);
  });
  try {
    const text = await change(await readFile(path, 'utf8'));
    if (text === undefined) {
      const why = 'its accounts are written in a form that only a person can change';
      throw new CliFault(EXIT.failed, `${printable(file)} was not changed: ${why}`);
    }
    await refuseFaults(cli, file, text);
    const { mode, uid, gid } = await stat(path);
    await handle.writeFile(text);
    await handle.sync();
    await chown(draft, uid, gid).catch(() => undefined); // of somebody else: only root can
    await chmod(draft, mode & MODE_BITS);
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(draft).catch(() => undefined); // nobody will want it
    throw error;
  } finally {
    await handle.close();
  }
}

async function refuseFaults(cli: Cli, file: string, text: string): Promise<void> {
  const loaded = await loadGatewayConfig(cli.configFile(), { draft: { file, text } });
  if (loaded.ok || !hasErrors(loaded.problems)) return;
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  const texts = errors.map((problem) => {
    // Its lines and columns are those of a text that is not there.
    if (problem.file !== file) return formatProblem(problem, process.cwd());
    return problem.path === '' ? problem.text : `${problem.path}: ${problem.text}`;
  });
  throw new CliFault(EXIT.usage, `nothing was written: ${printable(texts.join('; '))}`);
}
