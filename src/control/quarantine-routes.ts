/** The API about the quarantine: what filters keep, and the steps that end it. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { formatAddress, pathText } from '../mail/address.ts';
import { withoutSender } from '../mail/remote-lane.ts';
import type { ApiDeps } from './api.ts';
import { asTheyCame } from './coming-order.ts';
import type { GatewayView } from './gateway-view.ts';
import type { QuarantineFilter } from './queue-filter.ts';
import { isKept } from './queue-filter.ts';
import type { QuarantinedMail, QuarantineView } from './quarantine-view.ts';
import {
  namedMessage,
  quarantineFilter,
  quarantineStep,
  RequestFault,
  requester,
} from './request.ts';
import type { QuarantineStep } from './request.ts';
import type { Row } from './rows.ts';
import { iso } from './rows.ts';
import { sendAtOnce, sendList } from './send-list.ts';

interface ById {
  Params: { id: string };
}

export function addQuarantineRoutes(server: FastifyInstance, { gateway, log }: ApiDeps): void {
  const { quarantine } = gateway;
  const find = async (text: string) => {
    const id = namedMessage(text);
    const found = await quarantine.find(id);
    if (found === undefined) throw new RequestFault(404, `${id} is not in the quarantine`);
    return found;
  };
  server.get('/api/v1/quarantine', (request, reply) =>
    sendList(log, reply, keptRows(quarantine, quarantineFilter(request.query))),
  );
  server.get<ById>('/api/v1/quarantine/:id', async ({ params }) => keptRow(await find(params.id)));
  server.get<ById>('/api/v1/quarantine/:id/content', async ({ params }, reply) => {
    const { entry } = await find(params.id);
    const content = Readable.from(quarantine.content(entry.id), { objectMode: false });
    return reply.type('message/rfc822').send(content);
  });
  server.post<{ Params: { step: string } }>(
    '/api/v1/quarantine/actions/:step',
    (request, reply) => {
      const step = quarantineStep(request.params.step, request.body);
      const by = requester(request.headers['x-sluice-user']);
      // With a lesson each takes as long as a filter does: who waits must not hear nothing meanwhile.
      return sendAtOnce(log, reply, resultRows(gateway, step, by));
    },
  );
}

async function* keptRows(view: QuarantineView, filter: QuarantineFilter): AsyncGenerator<Row> {
  for await (const message of asTheyCame(view.list(), ({ entry }) => entry.id))
    if (isKept(message.entry, filter)) yield keptRow(message);
}

async function* resultRows(
  { quarantine, lessons }: Pick<GatewayView, 'quarantine' | 'lessons'>,
  { step, ids, to, why, learn }: QuarantineStep,
  by: string,
): AsyncGenerator<Row> {
  const take = (id: string) =>
    step === 'release' ? quarantine.release(id, by, to) : quarantine.delete(id, by, why);
  for (const id of ids) {
    // What was not learnt stays: once it has gone nobody can teach it any more.
    const lesson = learn
      ? await lessons.teach(id, step === 'release' ? 'ham' : 'spam', by)
      : 'learnt';
    const result = lesson === 'learnt' ? await take(id) : lesson;
    yield { v: 1, kind: 'result', id, result };
  }
}

function keptRow({ entry, expiresAt }: QuarantinedMail): Row {
  const { hold, client } = entry;
  const { released = [], asked, headerFrom, ...facts } = hold?.quarantine ?? {};
  const { score = null, engine, tests = [], account, subject } = facts;
  return {
    v: 1,
    kind: 'quarantined',
    id: entry.id,
    ts: iso(hold?.at),
    dir: entry.direction,
    why: hold?.reason,
    text: hold?.text,
    engine,
    score,
    tests,
    size: entry.sizeBytes,
    from: pathText(entry.reversePath),
    header_from: headerFrom,
    rcpts: entry.recipients.map(({ address }) => formatAddress(address)),
    subject,
    account,
    dest: withoutSender(entry.dest),
    expires_at: iso(expiresAt),
    released,
    asked: asked && { ...asked, at: iso(asked.at) },
    client: { ip: client.address, helo: client.hello },
  };
}
