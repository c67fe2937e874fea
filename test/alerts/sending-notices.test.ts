/** A notice about the relay limit of a day is sent once, and not given up because it could not be stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SendingNotices } from '../../src/alerts/sending-notices.ts';
import type { OwnNotice } from '../../src/delivery/own-mail.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const DOMAIN = { ...CUSTOMER_DOMAIN, contact: 'boss@example.org' };
const NEWS = { domain: DOMAIN.name, event: 'reached', used: 9, limit: 9, endsAt: 1e12 } as const;

function rig() {
  const clock = new FakeClock();
  const sent: OwnNotice[] = [];
  const room = { isThere: true };
  const directory = { find: (name: string) => (name === DOMAIN.name ? DOMAIN : undefined) };
  const notices = new SendingNotices({
    own: {
      send: async (notice) => {
        if (room.isThere) sent.push(notice);
        return room.isThere;
      },
    },
    map: new MemoryTtlMap({ clock }),
    busiest: async () => ({ senders: [], recipients: [], subjects: [] }),
    directory: () => directory,
    texts: () => ({}),
    hostname: () => 'mx.test',
    clock,
    log: new RecordedLog(),
  });
  return { notices, sent, room };
}

test('once for a day, whoever reaches it at the same time', async () => {
  const { notices, sent } = rig();
  notices.limit(NEWS);
  notices.limit(NEWS);
  await notices.stop();
  notices.limit(NEWS);
  await notices.stop();
  assert.equal(sent.length, 1);
  notices.limit({ ...NEWS, endsAt: 2e12 });
  await notices.stop();
  assert.equal(sent.length, 2, 'the next day');
});

test('what could not be stored is told when it is reached again', async () => {
  const { notices, sent, room } = rig();
  room.isThere = false;
  notices.limit(NEWS);
  await notices.stop();
  room.isThere = true;
  notices.limit(NEWS);
  await notices.stop();
  assert.equal(sent.length, 1);
});
