/**
 * ETRN (RFC 1985): a customer's server that is back asks for the mail that waits for it. Who may ask
 * is the customer: an account of the domain, by login or by address, or an address that is a server
 * of the domain. Everybody else hears the same whatever is asked for, hosted here or not, so nothing
 * is told of what waits. Never starts what an operator holds.
 */
import { serversOf } from '../directory/destination.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { accountOf } from '../outbound/sender-policy.ts';
import type { QueueName } from '../smtp/commands.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface QueueStartDeps {
  readonly store: Pick<SpoolStore, 'backlog' | 'totals'>;
  /** Tries at once what waits in a lane; `asked`: its server is down and is asked first. */
  readonly drain: (lane: string) => 'started' | 'asked' | 'held';
  /** A server that is down is asked at once. */
  readonly ask: (lane: string) => void;
}

export interface QueueStarted {
  readonly reply: Reply;
  /** The domains it was done for, and the messages that wait for them. */
  readonly domains: readonly string[];
  readonly waiting: number;
}

/** There is some queue that this client may start. Asked at each EHLO, so it looks at no domain. */
export function mayStartQueues(directory: Directory, session: SessionView): boolean {
  if (directory.hasServer(session.remote.address)) return true;
  return accountOf(directory.accounts, session) !== undefined;
}

export function startQueue(
  { store, drain, ask }: QueueStartDeps,
  directory: Directory,
  session: SessionView,
  queue: QueueName,
): QueueStarted {
  const named = domainsNamed(directory, queue);
  const own = named.filter((domain) => isOf(domain, directory, session));
  const domains = own.map(({ name }) => name);
  if (domains.length === 0) return { reply: replies.queueDenied(), domains, waiting: 0 };
  const lanes = new Set(own.flatMap(({ name, split = [] }) => [name, ...split.map(laneOf)]));
  const pending = { started: 0, asked: 0, held: 0 };
  for (const { dest, messages } of store.backlog()) {
    if (lanes.has(dest) && messages > 0) pending[drain(dest)] += messages;
  }
  // What only the outage holds goes by itself when the server has answered.
  for (const lane of lanes) if (store.totals(lane).held > 0) ask(lane);
  const { started, asked, held } = pending;
  const waiting = started + asked + held;
  const { name } = queue;
  if (started > 0) return { reply: replies.queueStarted(name, started), domains, waiting };
  if (asked > 0) return { reply: replies.queueAsked(name), domains, waiting };
  if (held > 0) return { reply: replies.queueHeld(name), domains, waiting };
  // Held messages are no backlog; that there are none would not be true of them.
  const kept = [...lanes].reduce((sum, lane) => sum + store.totals(lane).held, 0);
  if (kept > 0) return { reply: replies.queueHeld(name), domains, waiting: kept };
  return { reply: replies.queueEmpty(name), domains, waiting };
}

const laneOf = ({ lane }: Domain): string => lane;

function domainsNamed(directory: Directory, { name, subdomains }: QueueName): Domain[] {
  if (!subdomains) {
    const domain = directory.find(name);
    return domain === undefined ? [] : [domain];
  }
  const asked = name.toLowerCase();
  const isNamed = (one: string) => one === asked || one.endsWith(`.${asked}`);
  return directory.domains.filter(({ name: own, aliases }) => [own, ...aliases].some(isNamed));
}

function isOf(domain: Domain, { accounts }: Directory, session: SessionView): boolean {
  if (accountOf(accounts, session)?.domain === domain.name) return true;
  const servers = domain.split ?? [domain];
  return servers.some(({ destination }) => serversOf(destination).includes(session.remote.address));
}
