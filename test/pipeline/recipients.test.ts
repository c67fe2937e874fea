/** Verification by callout: who is asked for, and who is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CalloutAnswer } from '../../src/delivery/courier.ts';
import { OutageClock } from '../../src/pipeline/outage-clock.ts';
import { RecipientMemory } from '../../src/pipeline/recipient-memory.ts';
import type { Question } from '../../src/pipeline/recipients.ts';
import { RecipientVerifier } from '../../src/pipeline/recipients.ts';
import type { Address } from '../../src/mail/address.ts';
import { replies } from '../../src/mail/reply.ts';
import { MemoryTtlMap } from '../../src/store/memory/ttl-map.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const at = (local: string) => ({ local, domain: 'example.org' });

const by = (standing: 'good' | 'guessing', address: Address): Question => ({
  ...{ address, reversePath: null, standing },
});

function rig() {
  const clock = new FakeClock();
  const map = new MemoryTtlMap({ clock });
  const outages = new OutageClock(map, clock);
  const memory = new RecipientMemory({ map, outages, clock, onFull: () => undefined });
  const asked: string[] = [];
  const verifier = new RecipientVerifier({
    memory,
    courier: {
      // oxlint-disable-next-line require-await -- the courier's shape
      callout: async (_destination, _reversePath, { local }): Promise<CalloutAnswer> => {
        asked.push(local);
        if (local === 'gréte') {
          const reply = replies.smtpUtf8NotRelayable();
          return { kind: 'unsure', text: 'no SMTPUTF8', unreachable: false, reply };
        }
        return local.startsWith('guess')
          ? { kind: 'unknown', reply: { code: 550, lines: ['no'] } }
          : { kind: 'known', reply: { code: 250, lines: ['ok'] } };
      },
    },
    ldap: { ask: async () => ({ kind: 'unsure', text: 'not asked here' }) },
    habits: { isBlind: () => false, tookOne: () => undefined, refusedOne: async () => undefined },
    isClosed: () => false,
    clock,
    log: new RecordedLog(),
  });
  return { clock, memory, asked, verifier };
}

test('a destination is not asked without end for those who guess; others are asked for', async () => {
  const { clock, verifier, asked } = rig();
  for (let n = 0; n < 100; n++)
    await verifier.verify(CUSTOMER_DOMAIN, by('guessing', at(`guess${n}`)));
  assert.equal(asked.length, 50);
  const guesser = await verifier.verify(CUSTOMER_DOMAIN, by('guessing', at('anna')));
  assert.deepEqual(guesser.kind === 'refused' && guesser.reply.enhanced, '4.1.1', 'for now');
  assert.equal((await verifier.verify(CUSTOMER_DOMAIN, by('good', at('anna')))).kind, 'known');
  assert.equal((await verifier.verify(CUSTOMER_DOMAIN, by('guessing', at('anna')))).kind, 'known');
  await clock.advance(60_000);
  await verifier.verify(CUSTOMER_DOMAIN, by('guessing', at('guess-later')));
  assert.equal(asked.at(-1), 'guess-later', 'the budget fills up again');
});

test('one callout serves all who ask for the same recipient at the same time', async () => {
  const { verifier, asked } = rig();
  const both = ['good', 'guessing'] as const;
  await Promise.all(
    both.map(async (standing) => verifier.verify(CUSTOMER_DOMAIN, by(standing, at('bert')))),
  );
  assert.deepEqual(asked, ['bert']);
});

test('an address that its server cannot even be asked about is refused as such, and not remembered', async () => {
  const { verifier, memory, asked } = rig();
  for (let n = 0; n < 2; n++) {
    const found = await verifier.verify(CUSTOMER_DOMAIN, by('good', at('gréte')));
    assert.deepEqual(found.kind === 'refused' && found.reply, replies.smtpUtf8NotRelayable());
  }
  assert.deepEqual(asked, ['gréte', 'gréte'], 'its server may be a better one by now');
  assert.equal(
    await memory.recall(CUSTOMER_DOMAIN.destination.key, 'gréte@example.org'),
    undefined,
  );
});
