/** The API about what is written to the log: `GET`, `POST` and `DELETE /api/v1/log-level`. */
import type { FastifyInstance } from 'fastify';
import { LEVELS } from '../base/log-levels.ts';
import type { ApiDeps } from './api.ts';
import type { LogFocus, LogLevelState } from './log-level-view.ts';
import { RequestFault, moment, named, requester } from './request.ts';
import type { Row } from './rows.ts';
import { iso } from './rows.ts';

/** All of a busy log for longer fills disks, and is forgotten. */
const LONGEST_MS = 24 * 3_600_000;

export function addLogLevelRoutes(server: FastifyInstance, { gateway, clock, log }: ApiDeps): void {
  const { logLevel } = gateway;
  const take = (wish: LogFocus | undefined, by: string): Row => {
    if (!logLevel.focus(wish))
      throw new RequestFault(400, '"ip" must be an address or a network such as 192.0.2.0/24');
    const until = wish === undefined ? undefined : iso(wish.until);
    log.emit('log.level', {
      who: by,
      to: wish?.level ?? logLevel.state().level,
      of: wish?.ip,
      until,
    });
    return stateRow(logLevel.state());
  };
  server.get('/api/v1/log-level', () => stateRow(logLevel.state()));
  server.post('/api/v1/log-level', ({ body, headers }) =>
    take(focusOf(body, clock.now()), requester(headers['x-sluice-user'])),
  );
  server.delete('/api/v1/log-level', ({ headers }) =>
    take(undefined, requester(headers['x-sluice-user'])),
  );
}

function focusOf(body: unknown, now: number): LogFocus {
  const { level: wanted, until: ends, ip } = named(body, ['level', 'until', 'ip']);
  const level = LEVELS.find((known) => known === wanted);
  if (level === undefined) throw new RequestFault(400, `"level" must be ${LEVELS.join(', ')}`);
  const until = moment(ends);
  if (until > now + LONGEST_MS) throw new RequestFault(400, 'at most 24 hours');
  return { level, until, ...(ip !== undefined && { ip }) };
}

function stateRow({ level, focus }: LogLevelState): Row {
  const more = focus && { level: focus.level, until: iso(focus.until), ip: focus.ip ?? null };
  return { v: 1, kind: 'log-level', level, focus: more ?? null };
}
