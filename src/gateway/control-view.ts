/**
 * The running gateway as the control port sees it: a face on the parts, which does nothing itself.
 */
import type { Rates } from '../base/message-rates.ts';
import type { Metrics } from '../base/metrics.ts';
import type { SessionTraces } from '../base/session-traces.ts';
import type { Config } from '../config/config.ts';
import type {
  DomainView,
  GatewayState,
  GatewayStatus,
  GatewayView,
  HealthCheck,
  ListenerView,
  RecipientsView,
  ReloadResult,
  ScannerView,
} from '../control/gateway-view.ts';
import type { LiveFeed } from '../control/live-feed.ts';
import type { Domain } from '../directory/domain.ts';
import { recipientKey } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import { formatReply, isPermanent, replies } from '../mail/reply.ts';
import type { Generation } from '../pipeline/generation.ts';
import type { RecipientMemory } from '../pipeline/recipient-memory.ts';
import type { RecipientVerifier } from '../pipeline/recipients.ts';
import { routeInbound } from '../pipeline/relay-policy.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { ViewedDestinations } from './destination-view.ts';
import { destinationDetail, destinationViews, hostTexts, outageOf } from './destination-view.ts';

export interface ViewedParts {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly state: () => GatewayState;
  readonly config: () => Config;
  readonly configLoadedAt: () => number;
  readonly configStale: () => boolean;
  readonly generation: () => Generation;
  readonly listeners: () => readonly ListenerView[];
  readonly scanners: () => readonly ScannerView[];
  readonly rates: () => Rates;
  readonly metrics: Metrics;
  readonly traces: SessionTraces;
  readonly feed: LiveFeed;
  readonly destinations: ViewedDestinations;
  readonly spool: SpoolStore;
  readonly memory: RecipientMemory;
  readonly verifier: RecipientVerifier;
  readonly wake: (dest: string) => void;
  readonly reload: () => Promise<ReloadResult>;
  readonly stop: () => void;
}

export function controlView(parts: ViewedParts): GatewayView {
  return {
    status: () => status(parts),
    checks: () => checks(parts),
    metrics: async () => ({
      contentType: parts.metrics.contentType,
      text: await parts.metrics.text(),
    }),
    domains: () => parts.generation().directory.domains.map((domain) => domainView(domain)),
    destinations: () => destinationViews(parts.destinations),
    destination: (domain) => destinationDetail(parts.destinations, domain),
    queue: {
      spool: parts.spool,
      wake: parts.wake,
      outage: (dest) => outageOf(parts.destinations, dest),
      lifetimeMs: () => parts.config().queue.lifetimeMs,
    },
    recipients: recipientsView(parts),
    traces: parts.traces,
    events: parts.feed,
    reload: parts.reload,
    stop: parts.stop,
  };
}

function status(parts: ViewedParts): GatewayStatus {
  const config = parts.config();
  return {
    version: parts.version,
    hostname: config.hostname,
    pid: parts.pid,
    state: parts.state(),
    startedAt: parts.startedAt,
    engine: 'leveldb',
    listeners: parts.listeners(),
    rates: parts.rates(),
    scanners: parts.scanners(),
    config: {
      file: config.file,
      loadedAt: parts.configLoadedAt(),
      stale: parts.configStale(),
    },
  };
}

function checks(parts: ViewedParts): HealthCheck[] {
  const state = parts.state();
  const scanners = parts.scanners();
  return [
    { name: 'gateway', ok: state === 'ready', required: true, text: state },
    {
      name: 'store',
      ok: state !== 'failed',
      required: true,
      text: state === 'failed' ? 'failed' : 'ok',
    },
    // A scanner that is down degrades: its `on_error` decides what happens to mail.
    ...scanners.map(({ name, up, text }) => ({ name, ok: up, required: false, text })),
  ];
}

function domainView(domain: Domain): DomainView {
  const { recipients } = domain;
  return {
    name: domain.name,
    aliases: domain.aliases,
    destination: hostTexts(domain.destination).join(', '),
    recipients:
      recipients.kind === 'list' ? `list (${recipients.addresses.size})` : recipients.kind,
    outage: domain.outage,
    services: [...domain.services],
    spam: domain.spam,
    virus: domain.virus,
    contact: domain.contact,
    file: domain.file,
  };
}

function recipientsView(parts: ViewedParts): RecipientsView {
  const { memory } = parts;
  const hosted = (address: Address): { domain: Domain; key: string } | undefined => {
    const domain = parts.generation().directory.find(address.domain);
    if (domain === undefined) return undefined;
    const own = { ...address, domain: domain.name };
    return { domain, key: recipientKey(own, domain.caseSensitiveLocalParts) };
  };
  return {
    list: async (options) =>
      (await memory.list(options)).map(({ recipient, ...rest }) => ({
        address: recipient,
        ...rest,
      })),
    show: async (address) => {
      const found = hosted(address);
      if (found === undefined) return undefined;
      const remembered = await memory.recall(found.domain.destination.key, found.key);
      return remembered && { address: found.key, ...remembered };
    },
    pin: async (address, answer) => {
      const found = hosted(address);
      if (found === undefined) return 'not-hosted';
      await memory.remember(found.domain.destination.key, found.key, answer, 'pinned');
      return 'pinned';
    },
    forget: (address) => memory.forget(hosted(address)?.key ?? formatAddress(address)),
    test: async (address) => {
      const { directory, settings } = parts.generation();
      const route = routeInbound(directory, settings.hostname, address);
      if (route.kind === 'denied') {
        const reply = formatReply(replies.relayDenied()).trimEnd();
        return {
          domain: undefined,
          destination: undefined,
          result: 'rejected',
          source: 'relay policy',
          reply,
        };
      }
      const { domain } = route;
      const verification = await parts.verifier.verify(domain, route.address, null);
      const refused = verification.kind === 'refused' ? verification.reply : undefined;
      return {
        domain: domain.name,
        destination: hostTexts(domain.destination).join(', '),
        result:
          refused === undefined ? 'accepted' : isPermanent(refused) ? 'rejected' : 'tempfailed',
        source:
          verification.kind === 'unverified' ? `outage: ${verification.then}` : verification.source,
        reply: formatReply(refused ?? replies.recipientOk()).trimEnd(),
      };
    },
  };
}
