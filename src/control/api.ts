/**
 * The API below `/api/v1/`: one route per thing an operator asks. Lists are JSON Lines; everything
 * else is one JSON object. Whoever reaches these routes is trusted: the server offers them on the
 * control socket only.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { formatAddress, leadingWord, parseAddress } from '../mail/address.ts';
import { addDestinationRoutes } from './destination-routes.ts';
import { followEvents } from './event-stream.ts';
import type { GatewayView } from './gateway-view.ts';
import { NDJSON } from './ndjson.ts';
import { addListRoutes } from './list-routes.ts';
import { addLogLevelRoutes } from './log-level-routes.ts';
import { addOutgoingRoutes } from './outgoing-routes.ts';
import { addArchiveRoutes } from './archive-routes.ts';
import { addQuarantineRoutes } from './quarantine-routes.ts';
import { QueueActions } from './queue-actions.ts';
import { filteredQueue, meansDamaged, readMessage } from './queue-filter.ts';
import type { QueueFilter } from './queue-filter.ts';
import { queueShape } from './queue-shape.ts';
import { accountRow } from './account-row.ts';
import { asTheyCame } from './coming-order.ts';
import { actionRequest, queueQuery } from './action-request.ts';
import {
  RequestFault,
  addresses,
  mailbox,
  namedMessage,
  pinRequest,
  requester,
  shapeQuery,
  traceId,
  traceQuery,
} from './request.ts';
import type { QueueStep } from './step-fit.ts';
import { fitsDamaged, unfitFor } from './step-fit.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import { sendAtOnce, sendList } from './send-list.ts';

export interface ApiDeps {
  readonly gateway: GatewayView;
  readonly clock: Clock;
  readonly log: Log;
}

/** A pin would say something that nobody listens to. */
const WHICH_SERVER =
  'the domain is split: name one of its servers (--server HOST:PORT, as in "destination list")';
const NOT_ASKED =
  'the recipients of this domain are not asked for: change its list, its file or "recipients" itself';

interface ById {
  Params: { id: string };
}
interface ByAddress {
  Params: { address: string };
}

/** The oldest message is one read; a disk that stands still is no reason to say nothing. */
const OLDEST_MS = 2000;
/** A recipient trial may have to ask the destination. */
const TRIAL_MS = 30_000;

export function addApi(server: FastifyInstance, deps: ApiDeps): void {
  addGatewayRoutes(server, deps);
  addDestinationRoutes(server, deps);
  addQueueRoutes(server, deps);
  addOutgoingRoutes(server, deps);
  addQuarantineRoutes(server, deps);
  addListRoutes(server, deps);
  addLogLevelRoutes(server, deps);
  addArchiveRoutes(server, deps);
  addRecipientRoutes(server, deps);
  addTraceRoutes(server, deps);
}

function addGatewayRoutes(server: FastifyInstance, { gateway, clock, log }: ApiDeps): void {
  server.get('/api/v1/status', async () => {
    // A store that failed, or a disk that stands still, must not hide the status.
    const oldest = oldestOf(gateway, clock).catch(() => undefined);
    const [oldestAt] = await Promise.all([oldest, gateway.askScanners()]);
    const status = await gateway.status();
    const quarantined = gateway.quarantine.totals().messages;
    const damaged = gateway.queue.spool.damagedDests().map(({ dest }) => dest);
    const queue = { ...gateway.queue.spool.totals(), quarantined, oldestAt, damaged };
    return rows.statusRow(status, queue, gateway.destinations(), clock.now());
  });
  server.get('/api/v1/domains', (_request, reply) =>
    sendList(log, reply, gateway.domains().map(rows.domainRow)),
  );
  server.get('/api/v1/accounts', (_request, reply) =>
    sendList(log, reply, gateway.accounts().map(accountRow)),
  );
  server.get('/api/v1/plugins', async (_request, reply) => {
    await gateway.askScanners();
    return sendList(log, reply, (await gateway.plugins()).map(rows.pluginRow));
  });
  server.get('/api/v1/alerts', (_request, reply) =>
    sendList(log, reply, gateway.alerts.raised().map(rows.alertRow)),
  );
  server.post('/api/v1/alerts/test', async (_request, reply) => {
    const results = await gateway.alerts.test();
    return sendList(
      log,
      reply,
      results.map((result): Row => ({ v: 1, kind: 'alert-test', ...result })),
    );
  });
  server.post('/api/v1/reload', async (_request, reply) => {
    const { ok, problems, needsRestart } = await gateway.reload();
    const row = { v: 1, kind: 'reload', ok, problems, needs_restart: needsRestart };
    return reply.code(ok ? 200 : 409).send(row);
  });
  server.post('/api/v1/stop', async (_request, reply) => {
    reply.raw.once('finish', () => gateway.stop());
    return reply.code(202).send({ v: 1, kind: 'stop', pid: (await gateway.status()).pid });
  });
}

function oldestOf({ queue }: GatewayView, clock: Clock): Promise<number | undefined> {
  return withDeadline(clock, OLDEST_MS, 'queue', () => queue.oldest());
}

function addQueueRoutes(server: FastifyInstance, { gateway, clock, log }: ApiDeps): void {
  const { queue } = gateway;
  const actions = new QueueActions(queue, clock, log);

  server.get('/api/v1/queue', (request, reply) => {
    const { filter, step } = queueQuery(request.query);
    return sendList(log, reply, messageRows(gateway, filter, step));
  });
  server.get('/api/v1/queue/count', async () => {
    const { queued, held, bytes } = queue.spool.totals();
    const count = { count: queued + held, deferred: queued, hold: held, bytes };
    return { v: 1, kind: 'count', ...count, quarantine: gateway.quarantine.totals().messages };
  });
  server.get('/api/v1/queue/health', async () => {
    const oldestAt = await oldestOf(gateway, clock).catch((error: unknown) => {
      throw new RequestFault(503, `the queue cannot be read: ${errorText(error)}`);
    });
    return rows.queueHealthRow(queue.spool.totals(), oldestAt, clock.now());
  });
  server.get('/api/v1/queue/shape', async (request, reply) => {
    const { by, filter } = shapeQuery(request.query);
    return sendList(log, reply, await queueShape(queue, filter, by, clock.now()));
  });
  server.get<ById>('/api/v1/queue/:id', async ({ params }) => {
    const id = namedMessage(params.id);
    const found = await readMessage(queue.spool, id);
    if (found === undefined) throw new RequestFault(404, `${id} is not in the queue`);
    if (found === 'damaged') return rows.damagedRow(id);
    return rows.messageRow(found, queue.outage(found.entry.dest));
  });
  server.get<ById>('/api/v1/queue/:id/content', async ({ params }, reply) => {
    const id = namedMessage(params.id);
    const found = await readMessage(queue.spool, id);
    if (found === 'damaged') throw new RequestFault(410, `the record of ${id} is damaged`);
    if (found === undefined) throw new RequestFault(404, `${id} is not in the queue`);
    const content = Readable.from(queue.spool.readContent(id), { objectMode: false });
    return reply.type('message/rfc822').send(content);
  });
  server.post<{ Params: { action: string } }>('/api/v1/queue/actions/:action', (request, reply) => {
    const by = requester(request.headers['x-sluice-user']);
    const wanted = actionRequest(request.params.action, request.body, by);
    if (wanted.to !== undefined && queue.isOwn(wanted.to))
      throw new RequestFault(400, 'that host is this gateway itself (mail loop)');
    // Each step waits for the disk, and should the process die between two, who asked knows which were done.
    return sendAtOnce(log, reply, resultRows(actions.run(wanted)));
  });
}

function addRecipientRoutes(server: FastifyInstance, { gateway, clock, log }: ApiDeps): void {
  const { recipients } = gateway;
  server.get('/api/v1/recipients', (_request, reply) =>
    sendList(log, reply, recipientRows(gateway)),
  );
  server.get<ByAddress>('/api/v1/recipients/:address', async ({ params }) => {
    const found = await recipients.show(mailbox(params.address));
    if (found === undefined) throw new RequestFault(404, 'nothing is remembered of this address');
    return rows.recipientRow(found);
  });
  server.get<ByAddress>('/api/v1/recipients/:address/test', async ({ params }) => {
    const address = mailbox(params.address);
    const trial = await withDeadline(clock, TRIAL_MS, 'recipient test', (signal) =>
      recipients.test(address, signal),
    );
    return rows.trialRow(formatAddress(address), trial);
  });
  server.post('/api/v1/recipients/pin', async (request) => {
    const { address, answer, server } = pinRequest(request.body);
    const pinned = await recipients.pin(address, answer, server);
    if (pinned === 'which-server') throw new RequestFault(422, WHICH_SERVER);
    if (pinned === 'not-hosted') {
      throw new RequestFault(404, `${address.domain} is not a domain of this gateway`);
    }
    if (pinned === 'not-asked') throw new RequestFault(422, NOT_ASKED);
    return { v: 1, kind: 'result', id: formatAddress(address), result: `pinned ${answer}` };
  });
  server.post('/api/v1/recipients/import', (request, reply) =>
    sendList(log, reply, importRows(gateway, addresses(request.body))),
  );
  server.delete<ByAddress>('/api/v1/recipients/:address', async ({ params }) => {
    const address = mailbox(params.address);
    const result = (await recipients.forget(address)) ? 'forgotten' : 'not found';
    return { v: 1, kind: 'result', id: formatAddress(address), result };
  });
}

function addTraceRoutes(server: FastifyInstance, { gateway, log }: ApiDeps): void {
  const { trace, events } = gateway;
  server.get('/api/v1/traces', async (request, reply) => {
    const page = await trace.search(traceQuery(request.query, trace.results)).catch(notAtHand);
    return sendList(log, reply, rows.tracePage(page));
  });
  server.get<ById>('/api/v1/traces/:id', async ({ params }, reply) => {
    const id = traceId(params.id);
    const found = await trace.timeline(id).catch(notAtHand);
    if (found === undefined) throw new RequestFault(404, `no trace of ${id}`);
    return sendList(log, reply, found.events.map(rows.eventRow));
  });
  server.get('/api/v1/events', (_request, reply) => {
    const stream = followEvents(events);
    if (stream === undefined) throw new RequestFault(503, 'too many readers of the live events');
    return reply.type(NDJSON).send(stream);
  });
}

/** Expected of the records, of which nothing depends but this answer. */
function notAtHand(error: unknown): never {
  throw new RequestFault(503, `the records cannot be read: ${errorText(error)}`);
}

/** With a step only what it fits. */
async function* messageRows(
  { queue }: GatewayView,
  filter: QueueFilter,
  step: QueueStep | undefined,
): AsyncGenerator<Row> {
  const found = asTheyCame(filteredQueue(queue.spool, filter), ({ entry }) => entry.id);
  for await (const summary of found) {
    const outage = queue.outage(summary.entry.dest);
    if (step === undefined || unfitFor(step, summary.entry, outage) === undefined)
      yield rows.messageRow(summary, outage);
  }
  // The walk has met them all.
  if (meansDamaged(filter) && (step === undefined || fitsDamaged(step)))
    yield* queue.spool.damaged().map(rows.damagedRow);
}

async function* resultRows(
  results: AsyncIterable<{ id: string; result: string }>,
): AsyncGenerator<Row> {
  for await (const result of results) yield { v: 1, kind: 'result', ...result };
}

async function* recipientRows({ recipients }: GatewayView): AsyncGenerator<Row> {
  for await (const recipient of recipients.list()) yield rows.recipientRow(recipient);
}

async function* importRows(
  { recipients }: GatewayView,
  texts: readonly string[],
): AsyncGenerator<Row> {
  for (const text of texts) {
    const address = leadingWord(text);
    const server = text.slice(address.length).trim() || undefined;
    const parsed = parseAddress(address);
    const lesson = parsed.ok ? await recipients.learn(parsed.value, server) : undefined;
    const { result = 'no-address', key, isServerNeedless } = lesson ?? {};
    yield { v: 1, kind: 'result', id: address, result, key, server_needless: isServerNeedless };
  }
}
