/** The times of greylisting, on a clock that the test moves. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { GatheredEvidence } from '../../src/plugin-host/gathered-evidence.ts';
import { loadPlugins } from '../../src/plugin-host/load.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ANY_DOMAIN, filterView, NEVER } from '../support/filter-view.ts';
import { memoryBooks } from '../support/memory-books.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tableDns } from '../support/table-dns.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

async function greylist(options = {}) {
  const clock = new FakeClock();
  const loaded = await loadPlugins([{ name: 'greylist', options }], {
    ...{ hostname: 'mx.example', pluginFolder: '/nonexistent', dns: tableDns() },
    ...{ books: memoryBooks(clock), clock, log: new RecordedLog() },
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const { host } = loaded;
  const view = filterView(Buffer.from(''));
  const recipient = { address: { local: 'anna', domain: 'example.org' }, parameters: {} };
  const envelope = { ...view.envelope, reversePath: { local: 'a', domain: 'sender.test' } };
  const asked = { ...view, envelope, recipient };
  let mails = 0;
  /** What is said at RCPT: a text, or `pass`. */
  const call = async (address = '192.0.2.1') => {
    const id = `S.${++mails}`;
    const session = { ...view.session, remote: { address, port: 1 } };
    const evidence = new GatheredEvidence();
    const verdict = await host.rcpt({ ...asked, session, id }, ANY_DOMAIN, evidence, NEVER);
    return verdict.kind === 'defer' ? verdict.text : verdict.kind;
  };
  const delivered = (envelopeTo = [recipient]) =>
    host.happened(
      'delivered',
      {
        id: `S.${mails}`,
        direction: 'in',
        envelope: { ...envelope, recipients: envelopeTo },
        text: '',
      },
      NEVER,
    );
  return { clock, call, delivered };
}

const LEFT = (seconds: number) =>
  `You are not known here yet: please come again in ${seconds} seconds`;

test('who comes again after the delay is known for 60 days after the last mail', async () => {
  const { clock, call, delivered } = await greylist();
  assert.equal(await call(), LEFT(300));
  await clock.advance(4 * MINUTE);
  assert.equal(await call(), LEFT(60));
  assert.equal(await call('192.0.2.200'), LEFT(60));
  assert.equal(await call('198.51.100.1'), LEFT(300));
  await clock.advance(MINUTE);
  assert.equal(await call(), 'pass');
  await clock.advance(40 * DAY);
  assert.equal(await call(), 'pass');
  await delivered();
  await clock.advance(59 * DAY);
  assert.equal(await call(), 'pass');
  await clock.advance(2 * DAY);
  assert.equal(await call(), LEFT(300));
});

test('who comes again after two days begins anew, and a long delay still ends', async () => {
  const { clock, call } = await greylist({ delay: '90h' });
  assert.equal(await call(), LEFT(86_400));
  await clock.advance(2 * DAY);
  assert.equal(await call(), LEFT(86_400));
  await clock.advance(DAY);
  assert.equal(await call(), 'pass');
});

test('a clock that is set back makes nobody wait longer than the delay', async () => {
  const { clock, call } = await greylist();
  assert.equal(await call(), LEFT(300));
  clock.skew(-DAY);
  assert.equal(await call(), LEFT(300));
  await clock.advance(5 * MINUTE);
  assert.equal(await call(), 'pass');
});

test('IPv6 clients are one organisation within their /64', async () => {
  const { clock, call } = await greylist();
  assert.equal(await call('2001:db8:0:1::1'), LEFT(300));
  await clock.advance(5 * MINUTE);
  assert.equal(await call('2001:db8:0:2::1'), LEFT(300));
  assert.equal(await call('2001:db8:0:1:ffff::9'), 'pass');
});
