/** The API about the customers' servers: how they are, and an operator's holds of their mail. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { domainKey } from '../mail/address.ts';
import type { ApiDeps } from './api.ts';
import type { StartedExamination } from './examination-view.ts';
import { RequestFault, examinationRequest, holdRequest, requester } from './request.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import { sendAtOnce, sendList } from './send-list.ts';

interface ByDomain {
  Params: { domain: string };
}

export function addDestinationRoutes(
  server: FastifyInstance,
  { gateway, clock, log }: ApiDeps,
): void {
  const { holds } = gateway;
  const meant = (domain: string, alone: boolean) => {
    const domains = holds.domains(domain, alone);
    if (domains.length === 0) throw new RequestFault(404, `${domain} is not served here`);
    return domains;
  };
  /** A hold outlives the file of its domain. */
  const leftHolds = (name: string) =>
    holds.unserved().filter(({ domains }) => domains.includes(domainKey(name)));
  server.get('/api/v1/destinations', (_request, reply) =>
    sendList(log, reply, [...gateway.destinations(), ...holds.unserved()].map(rows.destinationRow)),
  );
  server.get<ByDomain>('/api/v1/destinations/:domain', async ({ params }) => {
    const found = gateway.destination(params.domain);
    if (found !== undefined) return rows.destinationDetailRow(found);
    const [left] = leftHolds(params.domain);
    if (left === undefined) throw new RequestFault(404, `${params.domain} is not served here`);
    return rows.destinationRow(left);
  });
  server.post<ByDomain>('/api/v1/destinations/:domain/check', ({ params, body }, reply) => {
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    const started = gateway.examine(
      { domain: params.domain, ...examinationRequest(body) },
      left.signal,
    );
    switch (started.kind) {
      case 'not-hosted':
        throw new RequestFault(404, `${params.domain} is not served here`);
      case 'not-his':
        throw new RequestFault(400, `the recipient must be of ${params.domain}`);
      case 'too-soon': {
        const seconds = Math.ceil(started.waitMs / 1000);
        throw new RequestFault(429, `examined a moment ago: come again in ${seconds} s`);
      }
      case 'begun':
        return sendAtOnce(log, reply, examinationRows(started, clock));
    }
  });
  server.post<ByDomain>('/api/v1/destinations/:domain/hold', ({ params, body, headers }, reply) => {
    const { alone, until, why } = holdRequest(body);
    const hold = { at: clock.now(), until, by: requester(headers['x-sluice-user']), text: why };
    const domains = meant(params.domain, alone);
    const each = async (domain: string) => {
      await holds.hold({ domain, ...hold });
      return 'held';
    };
    return sendList(log, reply, results(domains, each, rows.iso(until)));
  });
  server.post<ByDomain>(
    '/api/v1/destinations/:domain/resume',
    ({ params, body, headers }, reply) => {
      const { alone } = holdRequest(body);
      const by = requester(headers['x-sluice-user']);
      const left = leftHolds(params.domain).flatMap(({ domains }) => domains);
      const domains = left.length > 0 ? left : meant(params.domain, alone);
      const each = async (domain: string) =>
        (await holds.resume(domain, by)) ? 'resumed' : 'not held';
      return sendList(log, reply, results(domains, each));
    },
  );
}

async function* results(
  domains: readonly string[],
  each: (domain: string) => Promise<string>,
  until?: string,
): AsyncGenerator<Row> {
  for (const domain of domains)
    yield { v: 1, kind: 'result', id: domain, dest: domain, result: await each(domain), until };
}

async function* examinationRows(
  started: Extract<StartedExamination, { kind: 'begun' }>,
  clock: Clock,
): AsyncGenerator<Row> {
  const { domain, servers } = started;
  for (const { dest, steps } of servers) {
    for await (const step of steps)
      yield rows.examinationRow({ domain, dest, servers: servers.length }, step, clock.now());
  }
}
