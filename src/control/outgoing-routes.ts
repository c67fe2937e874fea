/** The API about outgoing mail: limits and what is used of them, locks and who sets and ends them. */
import type { FastifyInstance } from 'fastify';
import type { ApiDeps } from './api.ts';
import type { LockedView, OutgoingView, UsageView, Whose } from './outgoing-view.ts';
import { lockRequest, named, RequestFault, requester } from './request.ts';
import type { Row } from './rows.ts';
import { iso } from './rows.ts';
import { sendList } from './send-list.ts';

const STEPS = ['lock', 'unlock', 'reset'] as const;

export function addOutgoingRoutes(server: FastifyInstance, { gateway, clock, log }: ApiDeps): void {
  const { outgoing } = gateway;
  server.get('/api/v1/limits', ({ query }, reply) => {
    const { domain } = named(query, ['domain']);
    const usage = outgoing.usage(domain);
    if (usage === undefined) throw new RequestFault(404, `${domain ?? ''} is not served here`);
    return sendList(log, reply, usageRows(usage));
  });
  server.get('/api/v1/identities', ({ query }, reply) => {
    const wanted = named(query, ['domain', 'account']);
    return sendList(log, reply, identityRows(outgoing, wanted));
  });
  server.get('/api/v1/accounts/locks', (_request, reply) =>
    sendList(log, reply, lockedRows(outgoing.accounts(), 'account-lock')),
  );
  server.post<{ Params: { step: string } }>(
    '/api/v1/accounts/actions/:step',
    async ({ params, body, headers }) => {
      const step = STEPS.find((one) => one === params.step);
      if (step === undefined) throw new RequestFault(404, `no such step: ${params.step}`);
      const { account, identity, until, why } = lockRequest(body);
      const by = requester(headers['x-sluice-user']);
      const whose = { account, identity };
      const result = await take(outgoing, step, whose, { at: clock.now(), until, by, why });
      if (result === 'no such account') throw new RequestFault(404, `no such account: ${account}`);
      return { v: 1, kind: 'result', id: identity ?? account, result, until: iso(until) };
    },
  );
}

function take(
  outgoing: OutgoingView,
  step: (typeof STEPS)[number],
  whose: Whose,
  asked: { at: number; until: number | undefined; by: string; why: string },
): Promise<string> {
  const { at, until, by, why } = asked;
  switch (step) {
    case 'lock': {
      const text = why === '' ? 'locked by hand' : why;
      return outgoing.lock(whose, { at, ...(until !== undefined && { until }), by, text });
    }
    case 'unlock':
      return outgoing.unlock(whose, by);
    case 'reset':
      return outgoing.reset(whose, by);
    default:
      return step satisfies never;
  }
}

async function* usageRows(usage: AsyncIterable<UsageView>): AsyncGenerator<Row> {
  for await (const { endsAt, timeZone, ...one } of usage) {
    yield { v: 1, kind: 'limit', ...one, resets_at: iso(endsAt), time_zone: timeZone };
  }
}

async function* identityRows(
  outgoing: OutgoingView,
  wanted: { readonly domain?: string | undefined; readonly account?: string | undefined },
): AsyncGenerator<Row> {
  const { domain, account } = wanted;
  for await (const one of outgoing.identities()) {
    const isMeant =
      (domain === undefined || one.domain === domain) &&
      (account === undefined || one.account === account);
    if (isMeant) yield lockedRow(one, 'identity');
  }
}

async function* lockedRows(all: AsyncIterable<LockedView>, kind: string): AsyncGenerator<Row> {
  for await (const one of all) yield lockedRow(one, kind);
}

function lockedRow(
  { domain, account, identity, lock, autoUnlocks, today, shared }: LockedView,
  kind: string,
): Row {
  const { at, until, by, text } = lock ?? {};
  return {
    ...{ v: 1, kind, domain, account, identity, locked: lock !== undefined, today },
    auto_unlocks: autoUnlocks,
    ...(lock && { lock: { at: iso(at), until: iso(until), by, text } }),
    ...(shared && {
      ...{ networks: shared.networks, found_at: iso(shared.foundAt), fault: shared.fault },
    }),
  };
}
