/**
 * `/livez`, `/readyz`, `/metrics`: what load balancers, supervisors and Prometheus ask. Not ready
 * means: send no mail here now (starting, draining, store failed). A destination that is down is no
 * reason, for queueing is our job.
 */
import type { FastifyInstance } from 'fastify';
import type { GatewayView, HealthCheck } from './gateway-view.ts';

export function addHealth(server: FastifyInstance, gateway: GatewayView): void {
  // That this is answered at all is the answer.
  server.get('/livez', async () => 'ok\n');
  for (const path of ['/readyz', '/healthz']) {
    server.get<{ Querystring: Record<string, unknown> }>(path, async (request, reply) => {
      const checks = await gateway.checks();
      const ready = isReady(checks);
      reply.code(ready ? 200 : 503);
      if (wantsJson(request.headers.accept)) return { v: 1, kind: 'health', ready, checks };
      return 'verbose' in request.query ? verbose(checks, ready) : ready ? 'ok\n' : 'not ready\n';
    });
  }
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await gateway.metrics();
    return reply.type(contentType).send(text);
  });
}

export function isReady(checks: readonly HealthCheck[]): boolean {
  return checks.every(({ ok, required }) => ok || !required);
}

function verbose(checks: readonly HealthCheck[], ready: boolean): string {
  const lines = checks.map(({ name, ok, required, text }) => {
    const state = ok ? 'PASS' : required ? 'FAIL' : 'WARN';
    return `${state} ${name}${text === '' ? '' : `  ${text}`}\n`;
  });
  return lines.join('') + (ready ? 'ready\n' : 'not ready\n');
}

function wantsJson(accept: string | undefined): boolean {
  return accept?.includes('application/json') === true;
}
