/** The files that a configuration was made from: those whose change asks for a reload. */
import { dirname, join, resolve } from 'node:path';
import { domainToASCII } from 'node:url';
import type { Config } from './config.ts';

export interface ConfigSources {
  /** Whose domain files count, those that come later too. */
  readonly folder: string;
  /** Each by its full path; one that is missing counts as well. */
  readonly files: readonly string[];
}

export function sourcesOf(config: Config): ConfigSources {
  const { tls, smarthost } = config;
  const lists = config.domainFiles.flatMap(({ file, settings: { recipients } }) => {
    if (typeof recipients === 'string') return [];
    const { file: list, ldap } = recipients;
    const named = [list, ldap?.password_file, ldap?.ca].filter((name) => name !== undefined);
    return named.map((name) => resolve(dirname(file), name));
  });
  // A folder changes when a key comes or goes.
  const hosted = config.domainFiles.flatMap(({ settings: { domain, aliases } }) => {
    return [domain, ...aliases].map((name) => domainToASCII(name) || name);
  });
  const named = [config.hostname, ...hosted].map((name) => join(config.dkimKeys, name));
  const certificate = tls === undefined ? [] : [tls.certFile, tls.keyFile];
  const auth = smarthost && 'auth' in smarthost.settings ? smarthost.settings.auth : undefined;
  const login = auth === undefined ? [] : [resolve(dirname(config.file), auth.password_file)];
  const seal = config.arcSeal === undefined ? [] : [config.arcSeal.keyFile];
  return {
    folder: config.domainsFolder,
    files: [config.file, ...certificate, ...login, ...seal, config.dkimKeys, ...named, ...lists],
  };
}
