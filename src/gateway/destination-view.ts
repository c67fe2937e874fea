/** The customers' servers as the control port sees them: one row for each, and all about one. */
import { addressText } from '../config/config.ts';
import type {
  DestinationDetail,
  DestinationView,
  HoldsView,
  HoldView,
} from '../control/gateway-view.ts';
import type { Outage } from '../control/outage.ts';
import type { BackOff } from '../delivery/back-off.ts';
import type { Courier } from '../delivery/courier.ts';
import type { DestinationHolds } from '../delivery/destination-holds.ts';
import type { HealthBook } from '../delivery/destination-health.ts';
import { stateAdvice } from '../delivery/health-words.ts';
import { hindranceAdvice } from '../delivery/hindrance-words.ts';
import type { Hindrances } from '../delivery/hindrances.ts';
import { destinationOf } from '../delivery/route.ts';
import type { Scheduler } from '../delivery/scheduler.ts';
import type { Destination, Directory, Domain } from '../directory/domain.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { DestinationHold } from '../store/destination-hold.ts';
import type { DestinationHabits } from '../pipeline/destination-habits.ts';
import { adviceOn } from '../pipeline/destination-habits.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface ViewedDestinations {
  readonly directory: () => Directory;
  readonly health: HealthBook;
  readonly courier: Pick<Courier, 'connections'>;
  readonly scheduler: Pick<Scheduler, 'paceOf' | 'nextProbeAt' | 'retryNow'>;
  readonly holds: DestinationHolds;
  readonly backOff: Pick<BackOff, 'pauseOf'>;
  readonly habits: Pick<DestinationHabits, 'of'>;
  readonly hindrances: Pick<Hindrances, 'of'>;
  readonly spool: Pick<SpoolStore, 'backlog'>;
}

export function destinationViews(parts: ViewedDestinations): DestinationView[] {
  const waiting = new Map(parts.spool.backlog().map(({ dest, messages }) => [dest, messages]));
  return [...Map.groupBy(parts.directory().routes, ({ destination }) => destination.key)].map(
    ([key, domains]) => viewOf(parts, key, domains, waiting),
  );
}

/** All about the destination of a domain, found by its name or an alias; the first of several. */
export function destinationDetail(
  parts: ViewedDestinations,
  name: string,
): DestinationDetail | undefined {
  const directory = parts.directory();
  const domain = directory.find(name);
  const found = domain?.split?.[0] ?? domain;
  if (found === undefined) return undefined;
  const { key, maxConnections } = found.destination;
  const domains = directory.servedBy(key);
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
    waitingBy: domains.map(({ name: domain, lane }) => ({
      domain,
      messages: waiting.get(lane) ?? 0,
    })),
  };
}

function viewOf(
  { health, scheduler, holds, habits, hindrances }: ViewedDestinations,
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
    advice: seen && stateAdvice(seen.state),
    since: seen?.since,
    fails: seen?.fails ?? 0,
    lastText: seen?.lastKind === 'answered' ? 'answered' : (seen?.lastText ?? ''),
    lastAt: seen?.lastAt,
    nextProbeAt: seen?.state === 'down' ? scheduler.nextProbeAt(key) : undefined,
    holds: domains.flatMap(({ name }) => {
      const hold = holds.of(name);
      return hold === undefined ? [] : [viewOfHold(hold)];
    }),
    habits: [
      ...domains.flatMap((domain) =>
        habits.of(domain).map((seen) => ({ ...seen, advice: adviceOn(seen.habit) })),
      ),
      ...hindrances.of(key).map(({ habit, since, lastAt, evidence }) => {
        return { habit, since, lastAt, evidence, advice: hindranceAdvice(habit) };
      }),
    ],
    waiting: domains.reduce((sum, domain) => sum + (waiting.get(domain.lane) ?? 0), 0),
  };
}

function viewOfHold({ dest, at, until, by, text }: DestinationHold): HoldView {
  return { domain: dest, at, until, by, text };
}

export function holdsView(parts: ViewedDestinations): HoldsView {
  const { directory, holds } = parts;
  return {
    unserved: () => unservedHolds(parts),
    domains(name, alone) {
      const served = directory();
      const found = served.find(name);
      if (found === undefined) return [];
      const isMeant = ({ name: other, destination: { key } }: Domain) =>
        alone ? other === found.name : key === found.destination.key;
      return served.domains.filter(isMeant).map((domain) => domain.name);
    },
    hold: ({ domain, until, ...hold }) =>
      holds.hold({ dest: domain, ...hold, ...(until !== undefined && { until }) }),
    resume: (domain, by) => holds.resume(domain, by),
  };
}

/** By its own name a domain may be served as an alias of another, whose hold it does not share. */
function unservedHolds({ directory, holds, spool }: ViewedDestinations): DestinationView[] {
  const served = directory();
  const left = holds.all().filter(({ dest }) => served.find(dest)?.name !== dest);
  if (left.length === 0) return [];
  const waiting = new Map(spool.backlog().map(({ dest, messages }) => [dest, messages]));
  return left.map((hold) => ({
    name: '',
    domains: [hold.dest],
    hosts: [],
    state: 'unknown',
    since: undefined,
    fails: 0,
    lastText: '',
    lastAt: undefined,
    nextProbeAt: undefined,
    holds: [viewOfHold(hold)],
    habits: [],
    waiting: waiting.get(hold.dest) ?? 0,
  }));
}

/** What keeps the mail of a lane back: its destination is down or left alone, or somebody holds it. */
export function outageOf(parts: ViewedDestinations, domain: string): Outage | undefined {
  const hold = parts.holds.of(domainOfLane(domain));
  if (hold !== undefined) {
    const text = `by ${hold.by}${hold.text === '' ? '' : `: ${hold.text}`}`;
    return { kind: 'held', text, since: hold.at, nextTryAt: hold.until };
  }
  const destination = destinationOf(parts.directory(), domain);
  if (destination === undefined) return undefined;
  const seen = parts.health.view(destination.key);
  if (seen?.state === 'down') {
    const nextTryAt = parts.scheduler.nextProbeAt(destination.key);
    return { kind: 'down', text: seen.lastText, since: seen.since, nextTryAt };
  }
  const pause = parts.backOff.pauseOf(destination);
  return pause && { kind: 'paused', text: pause.text, since: pause.since, nextTryAt: pause.until };
}

/** Where the mail of a domain goes, in the order in which servers are asked. */
export function serverTexts({ destination, split }: Domain): string {
  if (split === undefined) return hostTexts(destination).join(', ');
  return split.map((route) => hostTexts(route.destination).join(', ')).join(' > ');
}

export function hostTexts(destination: Destination): string[] {
  return destination.hosts.map(({ host, port }) => addressText({ address: host, port }));
}
