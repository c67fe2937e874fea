/** The API about the archive: search, a message, and sending it once more. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ApiDeps } from './api.ts';
import type { Archived, ArchiveQuery } from '../mail/archived-mail.ts';
import { archiveQuery, resendRequest } from './archive-request.ts';
import { namedMessage, RequestFault, requester } from './request.ts';
import type { Row } from './rows.ts';
import { iso } from './rows.ts';
import { sendList } from './send-list.ts';

interface ById {
  Params: { id: string };
}

export function addArchiveRoutes(server: FastifyInstance, { gateway, log }: ApiDeps): void {
  const { archive } = gateway;
  const find = async (text: string) => {
    const id = namedMessage(text);
    const found = await archive.find(id);
    if (found === undefined) throw new RequestFault(404, `${id} is not in the archive`);
    return found;
  };
  async function* rows({ limit, ...query }: ArchiveQuery & { limit: number }): AsyncGenerator<Row> {
    let left = limit;
    for await (const mail of archive.search(query)) {
      yield archivedRow(mail);
      left -= 1;
      if (left <= 0) return;
    }
  }
  server.get('/api/v1/archive', (request, reply) =>
    sendList(log, reply, rows(archiveQuery(request.query))),
  );
  server.get<ById>('/api/v1/archive/:id', async ({ params }) => archivedRow(await find(params.id)));
  server.get<ById>('/api/v1/archive/:id/content', async ({ params }, reply) => {
    const { id } = await find(params.id);
    const content = Readable.from(archive.content(id), { objectMode: false });
    return reply.type('message/rfc822').send(content);
  });
  server.post<ById>('/api/v1/archive/:id/resend', async ({ params, body, headers }) => {
    const { id } = await find(params.id);
    const by = requester(headers['x-sluice-user']);
    const result = await archive.resend({ id, by, ...resendRequest(body) });
    if (typeof result === 'string') throw new RequestFault(409, `${id}: ${result}`);
    const { before } = result;
    return { v: 1, kind: 'resent', id, ids: [result.id], ...(before && { before: iso(before) }) };
  });
}

function archivedRow(mail: Archived): Row {
  const { id, at, account, domain, from, rcpts, subject, msgid, client, size } = mail;
  const what = { id, ts: iso(at), account, domain, from, rcpts, subject, msgid, size };
  return { v: 1, kind: 'archived', ...what, client: { ip: client } };
}
