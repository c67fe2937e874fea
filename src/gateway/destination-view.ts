/** The customers' servers as the control port sees them: one row for each, and all about one. */
import { addressText } from '../config/config.ts';
import type { DestinationDetail, DestinationView, Outage } from '../control/gateway-view.ts';
import type { Courier } from '../delivery/courier.ts';
import type { HealthBook } from '../delivery/destination-health.ts';
import type { Scheduler } from '../delivery/scheduler.ts';
import type { Destination, Directory, Domain } from '../directory/domain.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface ViewedDestinations {
  readonly directory: () => Directory;
  readonly health: HealthBook;
  readonly courier: Pick<Courier, 'connections'>;
  readonly scheduler: Pick<Scheduler, 'paceOf' | 'nextProbeAt'>;
  readonly spool: Pick<SpoolStore, 'backlog'>;
}

export function destinationViews(parts: ViewedDestinations): DestinationView[] {
  const waiting = new Map(parts.spool.backlog().map(({ dest, messages }) => [dest, messages]));
  return [...Map.groupBy(parts.directory().domains, ({ destination }) => destination.key)].map(
    ([key, domains]) => viewOf(parts, key, domains, waiting),
  );
}

/** All about the destination of a domain, found by its name or an alias. */
export function destinationDetail(
  parts: ViewedDestinations,
  name: string,
): DestinationDetail | undefined {
  const directory = parts.directory();
  const found = directory.find(name);
  if (found === undefined) return undefined;
  const { key, maxConnections } = found.destination;
  const domains = directory.domains.filter(({ destination }) => destination.key === key);
  const waiting = new Map(parts.spool.backlog().map(({ dest, messages }) => [dest, messages]));
  const note = parts.health.note(key);
  return {
    ...viewOf(parts, key, domains, waiting),
    history: note?.history ?? [],
    answers: parts.health.answers(key).map(({ at, observation }) => ({
      at,
      kind: observation.kind,
      ms: observation.kind === 'answered' ? observation.ms : undefined,
      text: observation.kind === 'answered' ? '' : observation.text,
    })),
    goodAt: note?.health.goodAt,
    connections: { ...parts.courier.connections(key), max: maxConnections },
    pace: parts.scheduler.paceOf(key),
    waitingBy: domains.map(({ name: domain }) => ({
      domain,
      messages: waiting.get(domain) ?? 0,
    })),
  };
}

function viewOf(
  { health, scheduler }: ViewedDestinations,
  key: string,
  domains: readonly Domain[],
  waiting: ReadonlyMap<string, number>,
): DestinationView {
  const seen = health.view(key);
  const hosts = domains[0] === undefined ? [] : hostTexts(domains[0].destination);
  return {
    name: hosts.join(', '),
    domains: domains.map((domain) => domain.name),
    hosts,
    state: seen?.state ?? 'unknown',
    since: seen?.since,
    fails: seen?.fails ?? 0,
    lastText: seen?.lastKind === 'answered' ? 'answered' : (seen?.lastText ?? ''),
    lastAt: seen?.lastAt,
    nextProbeAt: seen?.state === 'down' ? scheduler.nextProbeAt(key) : undefined,
    waiting: domains.reduce((sum, domain) => sum + (waiting.get(domain.name) ?? 0), 0),
  };
}

/** What keeps the mail of a hosted domain back, when its destination is down. */
export function outageOf(parts: ViewedDestinations, domain: string): Outage | undefined {
  const key = parts.directory().find(domain)?.destination.key;
  const seen = key === undefined ? undefined : parts.health.view(key);
  if (key === undefined || seen?.state !== 'down') return undefined;
  const nextProbeAt = parts.scheduler.nextProbeAt(key);
  return { text: seen.lastText, since: seen.since, nextProbeAt };
}

export function hostTexts(destination: Destination): string[] {
  return destination.hosts.map(({ host, port }) => addressText({ address: host, port }));
}
