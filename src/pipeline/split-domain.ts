/**
 * Recipients of a split domain: its servers are asked in order, and the first that knows one becomes
 * his route, which is remembered as who he is known to. An earlier server that does not say clearly
 * that it does not know him ends the search: a later one would be the wrong home for mail of somebody
 * who lives there. Only when all of them say so is he unknown. Who has left his server has probably
 * moved to another: what that one said of him before is void.
 */
import type { CalloutAnswer } from '../delivery/courier.ts';
import type { Domain } from '../directory/domain.ts';
import type { Remembered, RecipientMemory } from './recipient-memory.ts';

export interface SplitDeps {
  readonly memory: Pick<RecipientMemory, 'recall' | 'recallHome'>;
  readonly isClosed: (route: Domain) => boolean;
  /** Asks the server of this route and remembers what it says. */
  readonly ask: (route: Domain) => Promise<CalloutAnswer>;
}

export type Home =
  | { readonly kind: 'known'; readonly route: Domain; readonly source: 'memory' | 'callout' }
  | { readonly kind: 'unknown'; readonly source: 'memory' | 'callout' }
  | Extract<CalloutAnswer, { kind: 'unsure' }>;

/** `key` is the recipient's in the memory; `anew`: whoever said no before is asked once more. */
export async function findHome(
  { memory, isClosed, ask }: SplitDeps,
  routes: readonly Domain[],
  key: string,
  anew: boolean,
): Promise<Home> {
  const learnt = await memory.recallHome(
    routes.map(({ destination }) => destination.key),
    key,
  );
  // A person says so, of all of them.
  if (learnt?.answer === 'unknown') return { kind: 'unknown', source: 'memory' };
  const home = routes.find(({ destination }) => destination.key === learnt?.destination);

  const consult = async (route: Domain, said?: Remembered): Promise<CalloutAnswer | 'unknown'> => {
    const isUnknown = said?.answer === 'unknown';
    if (isUnknown && said.fresh && !anew) return 'unknown';
    const answer = isClosed(route) ? CLOSED : await ask(route);
    return answer.kind === 'unsure' && isUnknown ? 'unknown' : answer;
  };

  if (home !== undefined) {
    const isEnough = learnt?.fresh === true || isClosed(home);
    const answer = isEnough ? undefined : await ask(home);
    if (answer?.kind === 'known') return { kind: 'known', route: home, source: 'callout' };
    if (answer?.kind !== 'unknown') return { kind: 'known', route: home, source: 'memory' };
  }
  const said = home === undefined ? await saidSinceMove(memory, routes, key) : [];
  let source: 'memory' | 'callout' = home === undefined ? 'memory' : 'callout';
  for (const [index, route] of routes.entries()) {
    if (route === home) continue;
    const answer = await consult(route, said[index]);
    if (answer === 'unknown') continue;
    if (answer.kind === 'known') return { kind: 'known', route, source: 'callout' };
    // Of use to no such address: he cannot be there.
    if (answer.kind === 'unsure' && answer.reply?.reason !== undefined) continue;
    if (answer.kind === 'unsure') return answer;
    source = 'callout';
  }
  return { kind: 'unknown', source };
}

/** What each server said last, if it was after he was said to be no more where he had been. */
async function saidSinceMove(
  memory: Pick<RecipientMemory, 'recall'>,
  routes: readonly Domain[],
  key: string,
): Promise<(Remembered | undefined)[]> {
  const said = await Promise.all(
    routes.map(({ destination }) => memory.recall(destination.key, key)),
  );
  const movedAt = Math.max(...said.map((one) => one?.leftAt ?? -Infinity));
  return said.map((one) => (one !== undefined && one.at >= movedAt ? one : undefined));
}

const CLOSED: CalloutAnswer = { kind: 'unsure', text: 'it is down or held', unreachable: true };
