/** The API about the block and allow lists: what is in force, and entries by command. */
import type { FastifyInstance } from 'fastify';
import type { Log } from '../base/log.ts';
import type { ApiDeps } from './api.ts';
import type { ListStep, ListsView } from './lists-view.ts';
import { listSteps } from './list-request.ts';
import { RequestFault, requester } from './request.ts';
import type { Row } from './rows.ts';
import { iso } from './rows.ts';
import { sendList } from './send-list.ts';

export function addListRoutes(server: FastifyInstance, { gateway, log }: ApiDeps): void {
  const { lists } = gateway;
  server.get('/api/v1/lists', (_request, reply) => {
    const rows = lists.all().map(({ at, ...entry }): Row => {
      return { v: 1, kind: 'listed', ...entry, ...(at !== undefined && { at: iso(at) }) };
    });
    return sendList(log, reply, rows);
  });
  server.post<{ Params: { step: string } }>(
    '/api/v1/lists/:step',
    ({ params, body, headers }, reply) => {
      const { step } = params;
      if (step !== 'add' && step !== 'remove') throw new RequestFault(404, 'no such action');
      if (!lists.isInForce())
        throw new RequestFault(409, 'the plugin "lists" is not in force: name it under "plugins"');
      const entries = listSteps(body);
      const by = requester(headers['x-sluice-user']);
      return sendList(log, reply, resultRows(lists, log, { step, entries, by }));
    },
  );
}

async function* resultRows(
  lists: ListsView,
  log: Log,
  {
    step,
    entries,
    by,
  }: {
    readonly step: 'add' | 'remove';
    readonly entries: readonly ListStep[];
    readonly by: string;
  },
): AsyncGenerator<Row> {
  for (const entry of entries) {
    const done = step === 'add' ? await lists.add(entry, by) : await lists.remove(entry);
    const isDone = done.kind !== 'wrong' && done.kind !== 'full' && done.kind !== 'not found';
    if (isDone) {
      const { list, who: entered, domain, only_for: to, until, note: text } = entry;
      log.emit(step === 'add' ? 'list.add' : 'list.remove', {
        ...{ who: by, list, entry: entered, domain, to, until, text },
      });
    }
    const why = done.kind === 'wrong' ? { text: done.text } : {};
    yield { v: 1, kind: 'result', id: entry.who, result: done.kind, ...why };
  }
}
