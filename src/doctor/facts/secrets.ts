/** Which files of a configuration hold secrets, and who may read them. */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { readTextFile } from '../../config/text-file.ts';

export interface SecretFile {
  readonly file: string;
  readonly mode: number;
}

const MAX_BYTES = 4 * 1024 * 1024;
/** A key of YAML with something behind it. */
const SECRET_KEY = /^[^#\n]*\b(?:password|passwd|secret|token|api_key)["']?[ \t]*:[ \t]*[^\s#]/m;

export async function secretFiles(config: Config): Promise<SecretFile[]> {
  const texts = [config.file, ...config.domainFiles.map(({ file }) => file)];
  const holding: string[] = [];
  for (const file of texts) {
    const text = await readTextFile(file, MAX_BYTES);
    if (text.ok && SECRET_KEY.test(text.value)) holding.push(file);
  }
  const named = config.domainFiles.flatMap(({ file, settings: { recipients } }) => {
    const name = typeof recipients === 'string' ? undefined : recipients.ldap?.password_file;
    return name === undefined ? [] : [resolve(dirname(file), name)];
  });
  const { smarthost } = config;
  const auth = smarthost && 'auth' in smarthost.settings ? smarthost.settings.auth : undefined;
  if (auth !== undefined) named.push(resolve(dirname(config.file), auth.password_file));
  const found: SecretFile[] = [];
  for (const file of new Set([...holding, ...named])) {
    const mode = await stat(file).then(
      (entry) => entry.mode,
      () => undefined,
    );
    if (mode !== undefined) found.push({ file, mode });
  }
  return found;
}
