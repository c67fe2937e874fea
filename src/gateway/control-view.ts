/**
 * The running gateway as the control port sees it: a face on the parts, which does nothing itself.
 */
import type { Clock } from '../base/clock.ts';
import { filesText, hasFewFiles } from '../base/disk-room.ts';
import type { FolderRoom } from '../base/disk-room.ts';
import type { Archive } from '../archive/archive.ts';
import type { Resend } from '../archive/resend.ts';
import type { Alerts } from '../alerts/alerts.ts';
import type { Log } from '../base/log.ts';
import type { LogLevels } from '../base/log-levels.ts';
import type { Rates } from '../base/message-rates.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Config } from '../config/config.ts';
import { formatSize } from '../config/quantity.ts';
import type {
  ConfigState,
  DomainView,
  GatewayState,
  GatewayStatus,
  GatewayView,
  HealthCheck,
  ListenerView,
  ReloadResult,
  ScannerView,
} from '../control/gateway-view.ts';
import type { LiveFeed } from '../control/live-feed.ts';
import type { QuarantineView } from '../control/quarantine-view.ts';
import { expire } from '../delivery/expiry.ts';
import { oldestWaiting } from '../delivery/queue-age.ts';
import type { DrawnReports } from '../delivery/reports.ts';
import type { TimedHolds } from '../delivery/timed-holds.ts';
import { isOwn } from '../directory/destination.ts';
import { listedAccounts } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';
import { neededRecords } from '../dkim/signer.ts';
import type { RecordWatch } from '../dkim/record-watch.ts';
import type { LdapRecipients } from '../directory/ldap/recipients.ts';
import type { SharedNetworks } from '../outbound/shared-networks.ts';
import type { Generation } from '../pipeline/generation.ts';
import { laneName } from '../delivery/route.ts';
import { homeLane } from '../mail/redirection.ts';
import type { AddedEntries } from '../plugin-host/added-entries.ts';
import type { RecipientMemory } from '../pipeline/recipient-memory.ts';
import type { RecipientVerifier } from '../pipeline/recipients.ts';
import type { Trace } from '../records/trace-book.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { AlertReads } from './alert-reads.ts';
import type { ViewedDestinations } from './destination-view.ts';
import {
  destinationDetail,
  destinationViews,
  holdsView,
  outageOf,
  serverTexts,
} from './destination-view.ts';
import type { ExaminationsOptions } from './examinations.ts';
import { Examinations } from './examinations.ts';
import { pluginViews } from './plugin-view.ts';
import { listsView } from './lists-view.ts';
import { logLevelView } from './log-level-view.ts';
import { recipientsView } from './recipients-view.ts';

export interface ViewedParts {
  readonly version: string;
  /** Where the store lies. */
  readonly room: Pick<FolderRoom, 'look'>;
  readonly pid: number;
  readonly startedAt: number;
  readonly state: () => GatewayState;
  readonly config: () => Config;
  readonly configState: () => ConfigState;
  readonly generation: () => Generation;
  readonly listeners: () => readonly ListenerView[];
  readonly scanners: () => readonly ScannerView[];
  readonly askScanners: () => Promise<void>;
  readonly rates: () => Rates;
  readonly metrics: Metrics;
  readonly trace: Trace;
  readonly feed: LiveFeed;
  readonly levels: LogLevels;
  readonly destinations: ViewedDestinations &
    Pick<ExaminationsOptions, 'habits' | 'resolver' | 'ttl'>;
  readonly alerts: Pick<Alerts, 'raised' | 'test'>;
  readonly quarantine: QuarantineView;
  readonly archive: Archive;
  readonly resend: Resend;
  readonly lessons: GatewayView['lessons'];
  readonly sharedNetworks: Pick<SharedNetworks, 'lost'>;
  readonly timedHolds: Pick<TimedHolds, 'endsAt'>;
  readonly reads: Pick<AlertReads, 'unread'>;
  readonly outgoing: GatewayView['outgoing'];
  readonly added: AddedEntries;
  readonly spool: SpoolStore;
  readonly reports: DrawnReports;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: RecipientMemory;
  readonly ldap: Pick<LdapRecipients, 'states'>;
  readonly records: Pick<RecordWatch, 'waiting'>;
  readonly verifier: RecipientVerifier;
  readonly wake: (dest: string) => void;
  readonly reload: () => Promise<ReloadResult>;
  readonly stop: () => void;
}

/** Of which the status tells. */
const NAMED_RECORDS = 100;
const NAMED_DESTS = 5;

export function controlView(parts: ViewedParts): GatewayView {
  const examinations = new Examinations({ ...parts, ...parts.destinations });
  return {
    status: () => status(parts),
    askScanners: parts.askScanners,
    checks: () => checks(parts),
    metrics: async () => ({
      contentType: parts.metrics.contentType,
      text: await parts.metrics.text(),
    }),
    domains: () =>
      parts.generation().directory.domains.map((domain) => domainView(domain, parts.config())),
    accounts: () => listedAccounts(parts.generation().directory.domains),
    plugins: () => pluginViews(parts.generation().filters.plugins, parts.scanners(), parts.clock),
    destinations: () => destinationViews(parts.destinations),
    destination: (domain) => destinationDetail(parts.destinations, domain),
    holds: holdsView(parts.destinations),
    examine: (wish, signal) => examinations.begin(wish, signal),
    alerts: parts.alerts,
    quarantine: parts.quarantine,
    archive: {
      search: (query) => parts.archive.search(query),
      find: (id) => parts.archive.find(id),
      content: (id) => parts.archive.content(id),
      resend: (wish) => parts.resend.again(wish),
    },
    lessons: parts.lessons,
    lists: listsView({ ...parts, configFile: () => parts.config().file }),
    outgoing: parts.outgoing,
    queue: {
      spool: parts.spool,
      wake: parts.wake,
      oldest: async () => (await oldestWaiting(parts.spool))?.queuedAt,
      holdEnds: (at) => parts.timedHolds.endsAt(at),
      expire: (entry, wish) => expire({ ...parts, store: parts.spool }, entry, wish),
      outage: (lane) => outageOf(parts.destinations, lane),
      isOwn: ({ host, port }) => {
        const { listeners, hostname } = parts.config();
        return listeners.some((own) => isOwn(host, port, own, hostname));
      },
      lifetimeMs: (dest) => {
        const override = parts.generation().directory.find(homeLane(dest))?.queue;
        return { ...parts.config().queue, ...override }.lifetimeMs;
      },
    },
    recipients: recipientsView(parts),
    trace: parts.trace,
    logLevel: logLevelView(parts.levels),
    events: parts.feed,
    reload: parts.reload,
    stop: parts.stop,
  };
}

async function status(parts: ViewedParts): Promise<GatewayStatus> {
  const config = parts.config();
  return {
    version: parts.version,
    hostname: config.hostname,
    pid: parts.pid,
    state: parts.state(),
    startedAt: parts.startedAt,
    engine: 'leveldb',
    disk: await disk(parts),
    unread: parts.reads.unread,
    listeners: parts.listeners(),
    rates: parts.rates(),
    scanners: parts.scanners(),
    unsigned: unsigned(parts),
    lost: lost(parts),
    ldap: parts.ldap.states().map(({ key, ...state }) => ({ name: key, ...state })),
    config: parts.configState(),
  };
}

function lost({ sharedNetworks }: ViewedParts): GatewayStatus['lost'] {
  return sharedNetworks
    .lost()
    .slice(0, NAMED_RECORDS)
    .map(({ record, since, text }) => {
      return { record, text: `since ${new Date(since).toISOString()}: ${text}` };
    });
}

/** Of domains that send. */
function unsigned({ generation, records }: ViewedParts): GatewayStatus['unsigned'] {
  const { domains, ownSigning } = generation().directory;
  const senders = domains.filter(({ outgoing }) => outgoing.enabled);
  const keys = [ownSigning, ...senders.map(({ signing }) => signing)].flatMap(neededRecords);
  return records.waiting(keys).slice(0, NAMED_RECORDS);
}

async function disk({ config, room }: ViewedParts): Promise<GatewayStatus['disk']> {
  return { ...(await room.look()), minBytes: config().limits.minFreeSpaceBytes };
}

/** Below the minimum nothing is stored: what a destination cannot take at once is put off with 452. */
async function diskCheck(parts: ViewedParts): Promise<HealthCheck> {
  const { freeBytes: free, freeFiles, minBytes } = await disk(parts);
  if (hasFewFiles({ freeFiles }))
    return { name: 'disk', ok: false, required: true, text: `${filesText({ freeFiles })} only` };
  const text = free === undefined ? 'no answer' : `${formatSize(floorMiB(free))} free`;
  const ok = free !== undefined && free >= minBytes;
  const least =
    ok || free === undefined
      ? ''
      : `, ${formatSize(minBytes)} must stay free (limits.min_free_space)`;
  return { name: 'disk', ok, required: true, text: text + least };
}

/** Damage keeps back what lies in it alone: all other mail goes on, and may come here. */
function storeCheck({ state, reads, spool }: ViewedParts): HealthCheck {
  if (state() === 'failed') return { name: 'store', ok: false, required: true, text: 'failed' };
  const dests = spool.damagedDests().map(({ dest }) => laneName(dest));
  const lanes =
    dests.length === 0 ? [] : [`the queue of ${dests.slice(0, NAMED_DESTS).join(', ')}`];
  const damaged = [...(reads.unread === undefined ? [] : [reads.unread]), ...lanes].join('; ');
  const text = damaged === '' ? 'ok' : `some of it cannot be read: ${damaged}`;
  return { name: 'store', ok: damaged === '', required: false, text };
}

function floorMiB(bytes: number): number {
  return bytes - (bytes % (1024 * 1024));
}

async function checks(parts: ViewedParts): Promise<HealthCheck[]> {
  const state = parts.state();
  const scanners = parts.scanners();
  return [
    { name: 'gateway', ok: state === 'ready', required: true, text: state },
    storeCheck(parts),
    await diskCheck(parts),
    // A scanner that is down degrades: its `on_error` decides what happens to mail.
    ...scanners.map(({ name, up, text }) => ({ name, ok: up, required: false, text })),
    ...parts.ldap.states().map(({ key, down }) => {
      return {
        name: `ldap ${key}`,
        ok: down === undefined,
        required: false,
        text: down?.text ?? '',
      };
    }),
  ];
}

function domainView(domain: Domain, { queue: node }: Pick<Config, 'queue'>): DomainView {
  const { recipients, quota } = domain;
  const { retryMs, lifetimeMs } = { ...node, ...domain.queue };
  const bound = (most: number) => (most === Infinity ? undefined : most);
  return {
    name: domain.name,
    aliases: domain.aliases,
    destination: serverTexts(domain),
    recipients:
      recipients.kind === 'list' ? `list (${recipients.addresses.size})` : recipients.kind,
    outage: domain.outage,
    services: [...domain.services],
    spam: domain.spam,
    mailboxes: mailboxViews(domain),
    virus: domain.virus,
    contact: domain.contact,
    queue: {
      maxMessages: bound(quota.messages),
      maxBytes: bound(quota.bytes),
      ...{ retryMs, lifetimeMs },
    },
    file: domain.file,
  };
}

function mailboxViews({ mailboxes = new Map() }: Domain): DomainView['mailboxes'] {
  const byPolicy = Map.groupBy(mailboxes, ([, { policyGroup }]) => policyGroup);
  return [...byPolicy.values()].flatMap((all) => {
    const [first] = all;
    if (first === undefined) return [];
    const { tag, quarantine, reject } = first[1].spam;
    return [{ only_for: all.map(([key]) => key), tag, quarantine, reject }];
  });
}
