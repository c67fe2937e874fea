/**
 * What a schema cannot know about sluice.yaml: values that contradict each other, and files and
 * folders that are not there. Finds everything at once; changes nothing on the disk.
 */
import { readFile, stat } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createSecureContext } from 'node:tls';
import type { Config, ListenAddress } from './config.ts';
import { addressText } from './config.ts';
import { canonicalHost } from './endpoint.ts';
import type { NodeSettings } from './node-schema.ts';
import { CLASSIFIER, withoutPlugin } from './not-in-effect.ts';
import { formatDuration } from './quantity.ts';
import type { Path, Problem } from './problem.ts';
import { systemText } from './text-file.ts';
import { isGroup } from './yaml-source.ts';
import type { YamlSource } from './yaml-source.ts';

type Names = readonly (keyof NodeSettings)[];
type Check = (config: Config, source: YamlSource) => Problem[] | Promise<Problem[]>;

/** Each with the settings it looks at: one that has a fault already would bring forth false ones. */
const CHECKS: readonly (readonly [Names, Check])[] = [
  [['listeners', 'control'], addressProblems],
  [['listeners'], listenerNameProblems],
  [['plugins'], pluginNameProblems],
  [['listeners'], authProblems],
  [['queue'], queueProblems],
  [['tls', 'listeners'], tlsProblems],
  [['delivery'], sourceProblems],
  [['delivery', 'plugins'], sourceClassProblems],
  [['arc_seal', 'plugins'], sealProblems],
  [['data'], dataProblems],
  [['log'], logProblems],
  [['alerts'], alertProblems],
  [['complaints'], complaintProblems],
  [['quarantine'], requestProblems],
];

/** `isSound` says whether settings are free of faults. */
export async function checkNode(
  config: Config,
  source: YamlSource,
  isSound: (...names: Names) => boolean,
): Promise<Problem[]> {
  const checks = CHECKS.filter(([names]) => isSound(...names));
  // oxlint-disable-next-line require-await -- some of them wait, some do not
  const found = await Promise.all(checks.map(async ([, check]) => check(config, source)));
  return found.flat();
}

function addressProblems(config: Config, source: YamlSource): Problem[] {
  interface User extends ListenAddress {
    readonly user: string;
    readonly path: Path;
  }
  const users: User[] = [
    ...config.listeners.map(({ address, port }, index) => ({
      address,
      port,
      user: `listeners[${index}]`,
      path: ['listeners', index, 'address'],
    })),
    { ...config.control, user: 'control', path: ['control', 'address'] },
  ];
  return users.flatMap((user, index) => {
    const other = users.slice(0, index).find((earlier) => overlap(earlier, user));
    if (other === undefined) return [];
    return [source.problemAt(user.path, `${addressText(user)} is taken by ${other.user} already`)];
  });
}

/** `0.0.0.0` is every IPv4 address and `::` every address there is. */
function overlap(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false; // 0: the system chooses a free one
  const covers = (one: string, other: string) =>
    one === other || one === '::' || (one === '0.0.0.0' && isIPv4(other));
  const [first, second] = [canonicalHost(a.address), canonicalHost(b.address)];
  return covers(first, second) || covers(second, first);
}

function listenerNameProblems({ listeners }: Config, source: YamlSource): Problem[] {
  return repeated(listeners).map((index) =>
    source.problemAt(['listeners', index, 'name'], 'another listener has this name'),
  );
}

function sourceProblems({ delivery }: Config, source: YamlSource): Problem[] {
  const here = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const isHere = (address: string) =>
    address.startsWith('127.') || here.some((one) => canonicalHost(one.address) === address);
  const addresses = delivery.sources.map(({ address }) => address);
  return addresses.flatMap((address, index) => {
    const path = ['delivery', 'sources', index, 'ip'];
    if (addresses.indexOf(address) < index)
      return [source.problemAt(path, `${address} is given twice`)];
    if (isHere(address)) return [];
    const text = `${address} is no address of this machine now: nothing is sent from it`;
    return [source.problemAt(path, text, 'warning')];
  });
}

function sourceClassProblems({ delivery, plugins }: Config, source: YamlSource): Problem[] {
  if (plugins.some(({ name }) => name === CLASSIFIER)) return [];
  return delivery.sources.flatMap(({ classes }, index) => {
    if (classes.length === 0) return [];
    const path = ['delivery', 'sources', index, 'classes'];
    return [source.problemAt(path, withoutPlugin(CLASSIFIER), 'warning')];
  });
}

function sealProblems({ arcSeal, plugins }: Config): Problem[] {
  if (arcSeal === undefined || plugins.some(({ name }) => name === 'sender-auth')) return [];
  const text = 'seals nothing without the plugin sender-auth, which looks at what came';
  return [arcSeal.problemAt([], text, 'warning')];
}

function pluginNameProblems({ plugins }: Config, source: YamlSource): Problem[] {
  return repeated(plugins).map((index) =>
    source.problemAt(['plugins', index], 'this plugin is in the list already'),
  );
}

function repeated(list: readonly { readonly name: string }[]): number[] {
  const names = list.map(({ name }) => name);
  return [...names.keys()].filter((index) => names.indexOf(names[index] ?? '') < index);
}

/** A password must not cross the network in the clear (RFC 4954 section 4) without being asked for. */
function authProblems(config: Config, source: YamlSource): Problem[] {
  return config.listeners.flatMap(({ auth, authWithoutTls, tls }, index) => {
    if (auth === 'off') return [];
    const at = ['listeners', index, authWithoutTls ? 'auth_without_tls' : 'auth'];
    if (authWithoutTls) {
      const text = 'whoever listens on the way has the passwords of those who log in without TLS';
      return [source.problemAt(at, text, 'warning')];
    }
    const text = 'a login needs TLS, which is off here (auth_without_tls: true does without)';
    return tls === 'off' ? [source.problemAt(at, text)] : [];
  });
}

function queueProblems({ queue }: Config, source: YamlSource): Problem[] {
  const first = queue.retryMs[0] ?? 0;
  if (first <= queue.lifetimeMs) return [];
  const text = `is over before the first retry after ${formatDuration(first)}: nothing is ever tried again`;
  return [source.problemAt(['queue', 'lifetime'], text, 'warning')];
}

async function tlsProblems(config: Config, source: YamlSource): Promise<Problem[]> {
  if (config.tls === undefined) {
    const declared = isGroup(source.value) && source.value['tls'] !== undefined;
    if (declared || config.listeners.every(({ tls }) => tls === 'off')) return [];
    const text =
      'no certificate is set: a self-made one is used, which encrypts but proves nothing; { self_made: true } says that this is meant';
    return [source.problemAt(['tls'], text, 'warning')];
  }
  const cert = await contentOf(config.tls.certFile);
  const key = await contentOf(config.tls.keyFile);
  const problems: Problem[] = [];
  if (!cert.ok) problems.push(source.problemAt(['tls', 'cert'], cert.problem));
  if (!key.ok) problems.push(source.problemAt(['tls', 'key'], key.problem));
  if (!cert.ok || !key.ok) return problems;
  if (fitTls({ cert: cert.bytes, key: key.bytes })) return [];
  if (!fitTls({ cert: cert.bytes })) {
    problems.push(source.problemAt(['tls', 'cert'], 'is not a certificate in PEM form'));
  }
  if (!fitTls({ key: key.bytes })) {
    problems.push(source.problemAt(['tls', 'key'], 'is not a private key in PEM form'));
  }
  if (problems.length > 0) return problems;
  return [source.problemAt(['tls', 'key'], 'does not belong to the certificate')];
}

type FileContent =
  { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly problem: string };

async function contentOf(file: string): Promise<FileContent> {
  // What the file system says is an answer here, not a surprise; likewise what OpenSSL says below.
  try {
    return { ok: true, bytes: await readFile(file) };
  } catch (error) {
    return { ok: false, problem: `cannot be read: ${systemText(error)}` };
  }
}

function fitTls(parts: { cert?: Buffer; key?: Buffer }): boolean {
  try {
    createSecureContext(parts);
    return true;
  } catch {
    return false;
  }
}

/** What will be made when it is missing must at least not be there as something else. */
async function dataProblems({ data }: Config, source: YamlSource): Promise<Problem[]> {
  const kind = await kindOf(data);
  if (kind === 'folder' || kind === 'nothing') return [];
  return [source.problemAt(['data'], 'is not a folder')];
}

async function logProblems({ log }: Config, source: YamlSource): Promise<Problem[]> {
  if (log.file === null || (await kindOf(log.file)) !== 'folder') return [];
  return [source.problemAt(['log', 'file'], 'is a folder')];
}

/** The alarm about a server must not wait for that server. */
function alertProblems({ alerts, domainFiles }: Config, source: YamlSource): Problem[] {
  const domain = hostedDomain(alerts.mail, domainFiles);
  if (domain === undefined) return [];
  const text = `while the server of ${domain} is down this mail waits for it, just then when it is needed: name an address elsewhere`;
  return [source.problemAt(['alerts', 'mail'], text, 'warning')];
}

/** What is not for a domain of ours never comes by. */
function complaintProblems({ complaints, domainFiles }: Config, source: YamlSource): Problem[] {
  return complaints.addresses.flatMap((address, index) => {
    if (hostedDomain(address, domainFiles) !== undefined) return [];
    const text = `${address} is of no domain that is served here: complaints to it will not be seen`;
    return [source.problemAt(['complaints', 'addresses', index], text, 'warning')];
  });
}

function requestProblems({ quarantine, domainFiles }: Config, source: YamlSource): Problem[] {
  const { requests } = quarantine;
  if (requests === undefined || hostedDomain(requests, domainFiles) !== undefined) return [];
  const text = `${requests} is of no domain that is served here: wishes that come to it will not be seen`;
  return [source.problemAt(['quarantine', 'requests'], text, 'warning')];
}

/** The domain of an address, when it is hosted here. */
function hostedDomain(
  address: string | undefined,
  domainFiles: Config['domainFiles'],
): string | undefined {
  const domain = address?.slice(address.lastIndexOf('@') + 1).toLowerCase();
  const isHosted = domainFiles.some(({ settings }) =>
    [settings.domain, ...settings.aliases].some((name) => name.toLowerCase() === domain),
  );
  return isHosted ? domain : undefined;
}

async function kindOf(path: string): Promise<'folder' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return systemText(error) === 'no such file' ? 'nothing' : 'file';
  }
}
