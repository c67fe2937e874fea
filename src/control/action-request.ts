/** Reads which step on which messages of the queue a request asks for, or what it wants listed for one. */
import { isIP } from 'node:net';
import { isDomain } from '../mail/address.ts';
import type { OtherHost } from '../mail/redirection.ts';
import type { ActionRequest } from './queue-actions.ts';
import type { QueueFilter } from './queue-filter.ts';
import {
  RequestFault,
  fault,
  messageIds,
  moment,
  queueFilter,
  record,
  sentence,
} from './request.ts';
import type { QueueStep } from './step-fit.ts';
import { ACTIONS } from './step-fit.ts';

export function actionRequest(action: string, body: unknown, by: string): ActionRequest {
  const known = ACTIONS.find((name) => name === action);
  if (known === undefined) throw new RequestFault(404, 'no such action');
  const { ids, why, to, unscanned, until } = record(body);
  if (unscanned !== undefined && (known !== 'release' || typeof unscanned !== 'boolean'))
    throw fault('"unscanned" is true or false, for release only');
  if (to !== undefined && known !== 'requeue') throw fault('"to" is for requeue only');
  const place = to === undefined ? {} : { to: otherHost(to) };
  if (until !== undefined && known !== 'hold') throw fault('"until" is for hold only');
  const end = until === undefined ? {} : { until: moment(until) };
  const more = { ...place, ...end, ...(unscanned === true && { unscanned }) };
  return { action: known, ids: messageIds(ids), why: sentence(why), by, ...more };
}

function otherHost(given: unknown): OtherHost {
  const { host, port } = record(given);
  if (typeof host !== 'string' || (isIP(host) === 0 && (host.startsWith('[') || !isDomain(host))))
    throw fault('"to.host" must be a name or an address');
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw fault('"to.port" must be a port');
  return { host: host.toLowerCase(), port };
}

/** The filters of a listing; with `for` only what is in a state for that step, of a requeue `back` perhaps. */
export function queueQuery(query: unknown): {
  readonly step: QueueStep | undefined;
  readonly filter: QueueFilter;
} {
  const { for: wanted, back, ...filter } = record(query ?? {});
  const action = ACTIONS.find((name) => name === wanted);
  if (wanted !== undefined && action === undefined)
    throw fault(`parameter "for" must be ${ACTIONS.join(', ')}`);
  if (back !== undefined && (back !== 'true' || action !== 'requeue'))
    throw fault('parameter "back" is true, for requeue only');
  const step = action && { action, isBack: back !== undefined };
  return { step, filter: queueFilter(filter) };
}
