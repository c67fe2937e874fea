/**
 * The configuration as the program sees it: a read-only value, paths absolute, durations in
 * milliseconds, sizes in bytes, defaults filled in. A reload makes a new one; what was begun under
 * the old one ends under it.
 */
import { dirname, resolve } from 'node:path';
import { MIN_FREE_BYTES } from '../base/disk-room.ts';
import type { Level } from '../base/log.ts';
import type { NoticeTexts } from '../mail/notice-words.ts';
import type { ReportTexts } from '../mail/report-words.ts';
import type { DomainFile } from './domain-file.ts';
import type { SmarthostSettings } from './smarthost-schema.ts';
import type { Endpoint } from './endpoint.ts';
import { canonicalHost, formatEndpoint } from './endpoint.ts';
import type { NodeSettings } from './node-schema.ts';
import type { ProblemAt } from './problem.ts';
import type { MessageRate } from './values.ts';
import type { YamlSource } from './yaml-source.ts';

export interface Config {
  /** The file it was read from. */
  readonly file: string;
  readonly hostname: string;
  readonly data: string;
  readonly domainsFolder: string;
  readonly domainFiles: readonly DomainFile[];
  /** Whether a change of the files is noticed, or asked for by signal or command. */
  readonly reload: 'watch' | 'signal';
  readonly listeners: readonly ListenerConfig[];
  readonly control: ListenAddress;
  /** Undefined: a certificate of our own making. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Undefined: the system's. */
  readonly dnsServers: readonly Endpoint[] | undefined;
  /** The folder of private keys: `DOMAIN/SELECTOR.pem`. */
  readonly dkimKeys: string;
  /** What seals inbound mail that goes on. */
  readonly arcSeal: ArcSealConfig | undefined;
  readonly scanners: { readonly managed: boolean };
  /** In the order they run. */
  readonly plugins: readonly PluginConfig[];
  readonly limits: LimitsConfig;
  readonly queue: QueueConfig;
  readonly quarantine: QuarantineConfig;
  readonly alerts: AlertsConfig;
  /** Who takes complaints about mail of customers. */
  readonly complaints: { readonly addresses: readonly string[] };
  /** Templates in place of ours. */
  readonly reports: ReportTexts;
  readonly notices: NoticeTexts;
  readonly records: RecordsConfig;
  readonly archive: { readonly keepMs: number };
  readonly delivery: {
    readonly cutThrough: boolean;
    readonly finalReplyTimeoutMs: number;
    /** Where hosts that only the DNS names may be beside public addresses. */
    readonly privateNetworks: readonly string[];
    readonly sources: readonly SourceConfig[];
    /** Limits towards those who take mail for very many domains, by the names of their hosts. */
    readonly providers: readonly ProviderConfig[];
    /** What is demanded of TLS to others, by domain, `.domain` or `*`. */
    readonly remoteTls: Readonly<Record<string, 'opportunistic' | 'required' | 'off'>>;
  };
  /** Where mail for domains that are not hosted here goes; undefined: to their MX hosts. */
  readonly smarthost:
    { readonly settings: SmarthostSettings; readonly problemAt: ProblemAt } | undefined;
  readonly log: { readonly level: Level; readonly file: string | null };
}

export interface ArcSealConfig {
  readonly domain: string;
  readonly selector: string;
  readonly keyFile: string;
  readonly when: 'changed' | 'always';
  readonly problemAt: ProblemAt;
}

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

export interface ListenerConfig extends ListenAddress {
  readonly name: string;
  readonly tls: 'starttls' | 'implicit' | 'off';
  readonly auth: 'off' | 'optional' | 'required';
  /** Passwords may come in the clear. */
  readonly authWithoutTls: boolean;
  /** Networks whose connections begin with a PROXY header. */
  readonly proxyProtocol: readonly string[];
  /** Networks that may use XCLIENT. */
  readonly xclient: readonly string[];
}

export interface PluginConfig {
  readonly name: string;
  /** As written; the plugin host checks them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Makes a problem of an option; the path begins at the options. */
  readonly problemAt: ProblemAt;
}

export interface LimitsConfig {
  readonly messageSizeBytes: number;
  readonly recipients: number;
  readonly connections: number;
  readonly connectionsPerClient: number;
  readonly headerBytes: number;
  readonly hops: number;
  /** Refused as unknown in one session before it is cut off. */
  readonly unknownRecipients: number;
  /** Likewise of one client, all sessions together; then it is sent away for now. */
  readonly unknownRecipientsPerHour: number;
  /** Networks of which neither is counted. */
  readonly harvestExempt: readonly string[];
  readonly minFreeSpaceBytes: number;
}

export interface AlertsConfig {
  /** A condition must last so long before somebody is told, and be over so long. */
  readonly afterMs: number;
  /** Null: nobody is reminded; likewise nobody is told for the thresholds below. */
  readonly remindMs: number | null;
  readonly queueAgeMs: number | null;
  readonly queueMessages: number | null;
  readonly heldAgeMs: number | null;
  readonly freeSpaceBytes: number | null;
  /** On which our own addresses must not be. */
  readonly blockLists: readonly string[];
  readonly webhook: string | undefined;
  /** A program and its arguments. */
  readonly command: readonly string[] | undefined;
  readonly mail: string | undefined;
}

/** One of our addresses from which mail goes to servers of others. */
export interface SourceConfig {
  readonly address: string;
  /** Said in EHLO; undefined: the gateway's. */
  readonly hostname: string | undefined;
  /** Classes of mail that it is for. */
  readonly classes: readonly string[];
  /** The first day of its use, milliseconds since the epoch. */
  readonly newSince: number | undefined;
}

export interface ProviderConfig {
  readonly mx: readonly string[];
  readonly maxConnections: number | undefined;
  readonly rate: MessageRate | undefined;
}

export interface QueueConfig {
  /** Waits before the second, third, ... attempt; the last one repeats. */
  readonly retryMs: readonly number[];
  readonly lifetimeMs: number;
  /** A proven sender hears of a delay after so long; null for never. */
  readonly delayWarningMs: number | null;
  readonly probeMs: number;
  /** How much may wait; undefined: as much as the disk has room for. */
  readonly maxMessages: number | undefined;
  readonly maxBytes: number | undefined;
}

export interface QuarantineConfig {
  /** What nobody released is deleted after so long. */
  readonly keepMs: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** Who takes answers to reports about caught mail. */
  readonly requests: string | undefined;
}

export interface RecordsConfig {
  readonly keepMs: number;
  readonly maxBytes: number;
  /** Subjects are in them, and can be searched. */
  readonly subject: boolean;
  /** Undefined: addresses stay as they are. */
  readonly pseudonymiseAfterMs: number | undefined;
}

export function buildConfig(
  settings: NodeSettings,
  source: YamlSource,
  domainFiles: readonly DomainFile[],
): Config {
  const { alerts, limits, queue, quarantine, records, delivery, log, tls, control } = settings;
  const path = (text: string) => resolve(dirname(source.file), text);
  return {
    file: source.file,
    hostname: settings.hostname.toLowerCase(),
    data: path(settings.data),
    domainsFolder: path(settings.domains),
    domainFiles,
    reload: settings.reload,
    listeners: settings.listeners.map((listener) => ({
      name: listener.name ?? addressText(listener.address),
      ...listener.address,
      tls: listener.tls,
      auth: listener.auth,
      authWithoutTls: listener.auth_without_tls,
      proxyProtocol: listener.proxy_protocol,
      xclient: listener.xclient,
    })),
    control: control.address,
    tls:
      tls !== undefined && 'cert' in tls
        ? { certFile: path(tls.cert), keyFile: path(tls.key) }
        : undefined,
    dnsServers: settings.dns.servers,
    dkimKeys: path(settings.dkim.keys),
    arcSeal: arcSealOf(settings, source),
    scanners: settings.scanners,
    plugins: settings.plugins.map(({ name, options }, index) => ({
      name,
      options,
      problemAt: (at, text, severity) =>
        source.problemAt(['plugins', index, name, ...at], text, severity),
    })),
    limits: {
      messageSizeBytes: limits.message_size,
      recipients: limits.recipients,
      connections: limits.connections,
      connectionsPerClient: limits.connections_per_client,
      headerBytes: limits.header,
      hops: limits.hops,
      unknownRecipients: limits.unknown_recipients,
      unknownRecipientsPerHour: limits.unknown_recipients_per_hour,
      harvestExempt: limits.harvest_exempt,
      minFreeSpaceBytes: Math.max(limits.min_free_space, MIN_FREE_BYTES),
    },
    complaints: settings.complaints,
    reports: settings.reports,
    notices: settings.notices,
    alerts: {
      afterMs: alerts.after,
      remindMs: alerts.remind,
      queueAgeMs: alerts.queue_age,
      queueMessages: alerts.queue_messages,
      heldAgeMs: alerts.held_age,
      freeSpaceBytes: alerts.free_space,
      blockLists: alerts.block_lists.map((list) => list.toLowerCase()),
      webhook: alerts.webhook,
      command: alerts.command,
      mail: alerts.mail,
    },
    queue: {
      retryMs: queue.retry,
      lifetimeMs: queue.lifetime,
      delayWarningMs: queue.delay_warning,
      probeMs: queue.probe,
      maxMessages: queue.max_messages ?? undefined,
      maxBytes: queue.max_bytes ?? undefined,
    },
    quarantine: {
      keepMs: quarantine.keep,
      maxMessages: quarantine.max_messages,
      maxBytes: quarantine.max_bytes,
      requests: quarantine.requests,
    },
    archive: { keepMs: settings.archive.keep },
    records: {
      keepMs: records.keep,
      maxBytes: records.max_bytes,
      subject: records.subject,
      pseudonymiseAfterMs: records.pseudonymise_after ?? undefined,
    },
    delivery: {
      cutThrough: delivery.cut_through,
      finalReplyTimeoutMs: delivery.final_reply_timeout,
      privateNetworks: delivery.private_networks,
      remoteTls: delivery.remote_tls ?? {},
      providers: delivery.providers.map(({ mx, max_connections: maxConnections, rate }) => {
        return { mx, maxConnections, rate };
      }),
      sources: delivery.sources.map(({ ip, hostname, classes, new_since: newSince }) => {
        return { address: canonicalHost(ip), hostname, classes, newSince };
      }),
    },
    smarthost: delivery.smarthost && {
      settings: delivery.smarthost,
      problemAt: (at, text, severity) =>
        source.problemAt(['delivery', 'smarthost', ...at], text, severity),
    },
    log: { level: log.level, file: log.file === null ? null : path(log.file) },
  };
}

export function addressText({ address, port }: ListenAddress): string {
  return formatEndpoint({ host: address, port });
}

/**
 * The keys whose change a reload cannot put in force: the running gateway keeps the old values of
 * these until it is started anew.
 */
export function needsRestart(running: Config, next: Config): string[] {
  const fixed = ({ data, listeners, control, scanners, log }: Config) => ({
    data,
    listeners,
    control,
    scanners,
    'log.file': log.file,
  });
  const before: Readonly<Record<string, unknown>> = fixed(running);
  const after: Readonly<Record<string, unknown>> = fixed(next);
  return Object.keys(before).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
}

function arcSealOf({ arc_seal: seal }: NodeSettings, source: YamlSource): Config['arcSeal'] {
  if (seal === undefined) return undefined;
  const { domain, selector, when } = seal;
  return {
    ...{ domain: domain.toLowerCase(), selector, when },
    keyFile: resolve(dirname(source.file), seal.key),
    problemAt: (at, text, severity) => source.problemAt(['arc_seal', ...at], text, severity),
  };
}
