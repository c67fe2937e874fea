/**
 * A gateway that is only its outside: what the control server shows of it is plain data that a test
 * sets. Its queue is a list; operators' steps change it as the real store would.
 */
import { LogLevels } from '../../src/base/log-levels.ts';
import { logLevelView } from '../../src/gateway/log-level-view.ts';
import type { AccountView } from '../../src/control/account-row.ts';
import { Readable } from 'node:stream';
import type { EventName, Fields, Level } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/clock.ts';
import type {
  AlertView,
  DestinationDetail,
  DestinationView,
  DomainView,
  GatewayState,
  GatewayView,
  HealthCheck,
  RecipientView,
  ReloadResult,
  ScannerView,
} from '../../src/control/gateway-view.ts';
import type { Outage } from '../../src/control/outage.ts';
import type { QuarantinedMail, QuarantineView } from '../../src/control/quarantine-view.ts';
import type { PluginView } from '../../src/control/plugin-view.ts';
import { LiveFeed } from '../../src/control/live-feed.ts';
import { formatAddress } from '../../src/mail/address.ts';
import type { Address } from '../../src/mail/address.ts';
import type { SpoolEntry } from '../../src/mail/spool-entry.ts';
import type { Summary } from '../../src/store/spool-store.ts';
import { MemoryTrace } from './memory-trace.ts';

export const T0 = Date.UTC(2026, 5, 2, 6, 42, 40);

export class FakeGateway {
  state: GatewayState = 'ready';
  pid = process.pid;
  messages: Summary[] = [];
  content = 'Subject: test\r\nX-Evil: \x1b[31mred\r\n\r\nbody\x07\r\n';
  memory: RecipientView[] = [];
  domains: DomainView[] = [];
  plugins: PluginView[] = [];
  destinations: DestinationView[] = [];
  details: DestinationDetail[] = [];
  alerts: AlertView[] = [];
  kept: QuarantinedMail[] = [];
  accounts: AccountView[] = [];
  alertTests: { target: string; problem: string | undefined }[] = [];
  scanners: ScannerView[] = [{ name: 'clamav', up: true, text: 'ClamAV 1.4' }];
  checks: HealthCheck[] = [{ name: 'store', ok: true, required: true, text: 'leveldb' }];
  reloadResult: ReloadResult = { ok: true, problems: [], needsRestart: [] };
  listeners = [{ name: 'mx', address: '127.0.0.1', port: 2525, sessions: 2 }];
  /** Of destinations that are down, by domain. */
  outages: Record<string, Outage> = {};
  damagedDests: { dest: string; since: number }[] = [];
  /** Set to make every look into the queue fail. */
  storeFault: Error | undefined;
  onStop: () => void = () => undefined;
  onLesson: (id: string) => Promise<string> = async () => 'no filter learns';
  /** Its disk answers nothing. */
  isDiskStill = false;
  readonly woken: string[] = [];
  readonly holdEnds: number[] = [];
  readonly trace = new MemoryTrace();
  readonly feed = new LiveFeed(systemClock);
  readonly levels = new LogLevels(systemClock, 'info');

  see(evt: EventName, fields: Fields, level: Level = 'info'): void {
    this.trace.see(evt, fields, level);
    this.feed.publish(evt, level, fields);
  }

  view(): GatewayView {
    return {
      askScanners: () => Promise.resolve(),
      status: async () => ({
        version: '1.2.3',
        hostname: 'mx1.example.net',
        pid: this.pid,
        state: this.state,
        startedAt: systemClock.now() - 3_600_000,
        engine: 'fake',
        disk: { ...(!this.isDiskStill && { freeBytes: 61e9 }), minBytes: 2e9 },
        unread: undefined,
        listeners: this.listeners,
        rates: { in: 3.2, out: 0.4 },
        scanners: this.scanners,
        ldap: [],
        unsigned: [],
        lost: [],
        config: { file: '/etc/sluice/sluice.yaml', loadedAt: T0, stale: false, needsRestart: [] },
      }),
      checks: async () => this.checks,
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'sluice_up 1\n' }),
      domains: () => this.domains,
      accounts: () => this.accounts,
      plugins: async () => this.plugins,
      destinations: () => this.destinations,
      destination: (name) => this.details.find(({ domains }) => domains.includes(name)),
      examine: () => ({ kind: 'not-hosted' }),
      holds: {
        domains: () => [],
        unserved: () => [],
        hold: async () => undefined,
        resume: async () => false,
      },
      alerts: { raised: () => this.alerts, test: async () => this.alertTests },
      queue: this.#queue(),
      quarantine: this.#quarantine(),
      // It has no accounts.
      outgoing: {
        usage: () => Readable.from([]),
        accounts: () => Readable.from([]),
        identities: () => Readable.from([]),
        lock: async () => 'no such account',
        unlock: async () => 'no such account',
        reset: async () => 'no such account',
      },
      lists: {
        isInForce: () => false,
        all: () => [],
        add: async () => ({ kind: 'full' }),
        remove: async () => ({ kind: 'not found' }),
      },
      archive: {
        search: async function* () {},
        find: async () => undefined,
        content: async function* () {},
        resend: async () => 'not found',
      },
      lessons: { teach: (id) => this.onLesson(id) },
      recipients: this.#recipients(),
      trace: this.trace.book,
      logLevel: logLevelView(this.levels),
      events: this.feed,
      reload: async () => this.reloadResult,
      stop: () => this.onStop(),
    };
  }

  #queue(): GatewayView['queue'] {
    const find = (id: string) => this.messages.find(({ entry }) => entry.id === id);
    const content = this.content;
    const check = () => {
      if (this.storeFault !== undefined) throw this.storeFault;
    };
    return {
      wake: (dest) => void this.woken.push(dest),
      holdEnds: (at) => void this.holdEnds.push(at),
      expire: async ({ id, senderProven }) => {
        if (!senderProven) return 'held';
        this.messages = this.messages.filter(({ entry }) => entry.id !== id);
        return 'expired';
      },
      oldest: () =>
        this.isDiskStill
          ? new Promise(() => undefined)
          : Promise.resolve(this.messages[0]?.entry.queuedAt),
      outage: (dest) => this.outages[dest],
      isOwn: ({ host }) => host === '127.0.0.1',
      lifetimeMs: () => 432_000_000,
      spool: {
        scan: async ({ after = '', limit }) => {
          check();
          return this.messages.filter(({ entry }) => entry.id > after).slice(0, limit);
        },
        get: async (id) => {
          check();
          return find(id);
        },
        damaged: () => [],
        damagedDests: () => this.damagedDests,
        totals: () => {
          const held = this.messages.filter(({ entry }) => entry.hold !== undefined).length;
          const bytes = this.messages.reduce((sum, { entry }) => sum + entry.sizeBytes, 0);
          return { queued: this.messages.length - held, held, bytes };
        },
        readContent: async function* () {
          yield Buffer.from(content);
        },
        administer: async (id, step) => {
          const found = find(id);
          if (found === undefined || found.active) return false;
          const rest = this.messages.filter((other) => other !== found);
          const { hold: _hold, ...entry } = found.entry;
          if (step.kind === 'remove') this.messages = rest;
          else {
            const next =
              step.kind === 'hold'
                ? { ...found, dueAt: undefined, entry: { ...entry, hold: step.hold } }
                : {
                    ...found,
                    dueAt: T0,
                    entry: {
                      ...entry,
                      dest: (step.kind === 'due' ? step.dest : undefined) ?? entry.dest,
                      expiresAt: (step.kind === 'due' ? step.expiresAt : undefined) ?? 0,
                    },
                  };
            this.messages = [...rest, next].sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1));
          }
          return true;
        },
      },
    };
  }

  #quarantine(): QuarantineView {
    const find = (id: string) => this.kept.find(({ entry }) => entry.id === id);
    const content = this.content;
    const end = async (id: string, done: string) => {
      const found = find(id);
      this.kept = this.kept.filter((other) => other !== found);
      return found === undefined ? 'not found' : done;
    };
    return {
      totals: () => ({ messages: this.kept.length, bytes: 4096 }),
      list: () => Readable.from([...this.kept]),
      find: async (id) => find(id),
      content: async function* () {
        yield Buffer.from(content);
      },
      release: async (id, _by, to) =>
        to === undefined ? end(id, 'released') : 'no such recipient',
      delete: async (id) => end(id, 'deleted'),
    };
  }

  #recipients(): GatewayView['recipients'] {
    const key = (address: Address) => formatAddress(address).toLowerCase();
    const hosts = (address: Address) => this.domains.some(({ name }) => name === address.domain);
    return {
      list: () => Readable.from([...this.memory]),
      show: async (address) => this.memory.find((row) => row.address === key(address)),
      pin: async (address, answer) => {
        if (!hosts(address)) return 'not-hosted';
        this.memory = this.memory.filter((row) => row.address !== key(address));
        this.memory.push(remembered(key(address), answer, 'pinned'));
        return 'pinned';
      },
      learn: async (address) => {
        if (!hosts(address)) return { result: 'not-hosted' };
        this.memory.push(remembered(key(address), 'known', 'imported'));
        return { result: 'remembered', key: key(address) };
      },
      forget: async (address) => {
        const before = this.memory.length;
        this.memory = this.memory.filter((row) => row.address !== key(address));
        return this.memory.length < before;
      },
      test: async (address) => ({
        domain: hosts(address) ? address.domain : undefined,
        destination: hosts(address) ? '192.0.2.10:25' : undefined,
        result: hosts(address) ? 'accepted' : 'rejected',
        source: hosts(address) ? 'callout' : 'relay policy',
        reply: hosts(address) ? 'Recipient ok' : 'Relaying denied',
      }),
    };
  }
}

export function remembered(
  address: string,
  answer: RecipientView['answer'],
  origin = 'asked',
): RecipientView {
  const destination = '192.0.2.10:25';
  const when = { at: T0, askedAt: T0, ageMs: 7_200_000, leftMs: 86_400_000 };
  return { address, answer, origin, destination, ...when, fresh: true };
}

export function hostedDomain(name: string): DomainView {
  return {
    name,
    aliases: [`alias.${name}`],
    destination: '192.0.2.10:25',
    recipients: 'callout',
    outage: 'defer',
    services: ['relay', 'fallback', 'spam', 'virus'],
    spam: { tag: 5, quarantine: 8, reject: 12 },
    mailboxes: [],
    virus: 'reject',
    contact: undefined,
    queue: {
      maxMessages: undefined,
      maxBytes: undefined,
      retryMs: [60_000],
      lifetimeMs: 432_000_000,
    },
    file: `/etc/sluice/domains/${name}.yaml`,
  };
}

/** A queued message; `id` decides its place. */
export function queued(
  id: string,
  change: Partial<SpoolEntry> & { dueAt?: number; active?: boolean } = {},
): Summary {
  const { dueAt, active = false, ...fields } = change;
  const entry: SpoolEntry = {
    v: 1,
    id,
    dest: 'example.org',
    direction: 'in',
    reversePath: { local: 'news', domain: 'shop.example' },
    parameters: {},
    recipients: [{ address: { local: 'anna', domain: 'example.org' }, parameters: {} }],
    sizeBytes: 12_033,
    queuedAt: T0,
    expiresAt: T0 + 432_000_000,
    attempts: 1,
    senderProven: false,
    maybeDelivered: false,
    client: { address: '203.0.113.9', hello: 'mail.shop.example' },
    ...fields,
  };
  return { entry, dueAt: entry.hold === undefined ? (dueAt ?? T0 + 60_000) : undefined, active };
}
