/** The files that a configuration was made from: those whose change asks for a reload. */
import { dirname, resolve } from 'node:path';
import type { Config } from './config.ts';

export interface ConfigSources {
  /** Whose domain files count, those that come later too. */
  readonly folder: string;
  /** Each by its full path; one that is missing counts as well. */
  readonly files: readonly string[];
}

export function sourcesOf(config: Config): ConfigSources {
  const { tls } = config;
  const lists = config.domainFiles.flatMap(({ file, settings: { recipients } }) => {
    if (typeof recipients === 'string') return [];
    const { file: list, ldap } = recipients;
    const named = [list, ldap?.password_file, ldap?.ca].filter((name) => name !== undefined);
    return named.map((name) => resolve(dirname(file), name));
  });
  const certificate = tls === undefined ? [] : [tls.certFile, tls.keyFile];
  return { folder: config.domainsFolder, files: [config.file, ...certificate, ...lists] };
}
