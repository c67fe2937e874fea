/** A courier with everything around it that a test wants to look at, and short forms for jobs. */
import type { TestContext } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { createCourier } from '../../src/delivery/courier.ts';
import type { Courier, CourierOptions, DeliveryJob } from '../../src/delivery/courier.ts';
import type { Observation } from '../../src/delivery/destination-health.ts';
import type { Destination } from '../../src/directory/domain.ts';
import type { Address } from '../../src/mail/address.ts';
import { memoryContent } from '../../src/mail/content.ts';
import type { Outcome } from '../../src/mail/outcome.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { SELF_SIGNED } from './self-signed.ts';

export interface CourierBench {
  readonly courier: Courier;
  /** Kinds of what the courier told about destinations, in order. */
  readonly seen: Observation['kind'][];
  /** What it logged: a fault of its own. */
  readonly logged: string[];
}

export function courierOn(
  t: TestContext,
  clock: Clock = systemClock,
  more: Partial<CourierOptions> = {},
): CourierBench {
  const seen: Observation['kind'][] = [];
  const logged: string[] = [];
  const log: Log = {
    emit: (evt, fields) => logged.push(`${evt} ${JSON.stringify(fields)}`),
    enabled: () => true,
  };
  const health = { observe: (_key: string, what: Observation) => seen.push(what.kind) };
  const courier = createCourier({ hostname: () => 'mx.test', clock, log, health, ...more });
  t.after(() => courier.stop());
  return { courier, seen, logged };
}

export async function peerOn(t: TestContext, ...scripts: string[][]): Promise<ScriptedPeer> {
  const peer = await ScriptedPeer.start(scripts, { tls: SELF_SIGNED });
  t.after(() => peer.stop());
  return peer;
}

/** A destination whose hosts are tried in the given order. */
export function destinationAt(
  ports: readonly number[],
  more: Partial<Destination> = {},
): Destination {
  return {
    key: ports.join(),
    hosts: ports.map((port, index) => ({ host: '127.0.0.1', port, priority: index })),
    tls: 'opportunistic',
    maxConnections: 20,
    ...more,
  };
}

export function address(text: string): Address {
  const at = text.lastIndexOf('@');
  return { local: text.slice(0, at), domain: text.slice(at + 1) };
}

export function jobFor(
  destination: Destination,
  to: readonly string[] = ['anna@example.org'],
  more: Partial<DeliveryJob> = {},
): DeliveryJob {
  return {
    id: '0123456789.1',
    destination,
    envelope: {
      reversePath: address('sender@example.com'),
      parameters: {},
      recipients: to.map((text) => ({ address: address(text), parameters: {} })),
    },
    content: memoryContent([Buffer.from('Subject: x\r\n\r\nhello\r\n')]),
    finalReplyTimeoutMs: 60_000,
    ...more,
  };
}

/** `delivered 250`, `deferred 451`, `deferred maybe`, `deferred unreachable`, `failed 550`. */
export function outcomeText(outcome: Outcome): string {
  if (outcome.kind !== 'deferred') return `${outcome.kind} ${outcome.reply.code}`;
  if (outcome.maybeDelivered === true) return 'deferred maybe';
  if (outcome.unreachable === true) return 'deferred unreachable';
  return outcome.reply === undefined ? 'deferred' : `deferred ${outcome.reply.code}`;
}
