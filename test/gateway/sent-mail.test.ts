/** Which message of a customer a report speaks of, found in records as the gateway has them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { findSent } from '../../src/gateway/sent-mail.ts';
import { readReturned } from '../../src/mail/returned-mail.ts';
import { MemoryTrace } from '../support/memory-trace.ts';

const SID = '4K7QZ2M9X';

/** A message of `account`, in a session of its own. */
function send(trace: MemoryTrace, n: number, account: string, msgid: string, to: string[]): string {
  const sid = `${SID}${n}`;
  const id = `${sid}.1`;
  trace.see('smtp.open', { sid, ip: '192.0.2.1', listener: 'mx' });
  const taken = { from: 'a@sent.example', to: to.slice(0, 5).join(','), rcpts: `${to.length}/0/0` };
  trace.see('msg.in', {
    ...{ sid, id, dir: 'out', acct: account, msgid, res: 'accept' },
    ...{ ...taken, kept: { recipients: to } },
  });
  trace.see('smtp.close', { sid });
  return id;
}

const about = (body: string) => readReturned(Buffer.from(`A: b\r\n\r\n${body}\r\n`));

test('of several messages with one Message-ID it is the one whose id is quoted', async () => {
  const trace = new MemoryTrace();
  const [first, second] = [1, 2].map((n) =>
    send(trace, n, `account-${n}`, '<same@sent.example>', ['eve@away.test']),
  );
  const quoted = 'Message-ID: <same@sent.example>\r\n';
  const received = (id = '') => `Received: from a by mx.example with ESMTP\r\n id ${id}; Mon\r\n`;
  for (const id of [first, second]) {
    assert.equal((await findSent(trace.book, about(received(id) + quoted)))?.id, id);
  }
  assert.equal((await findSent(trace.book, about(quoted)))?.account, 'account-2');
});

test('each of many recipients is known as one, others are not', async () => {
  const trace = new MemoryTrace();
  const to = Array.from({ length: 20 }, (_, i) => `r${i}@away.test`);
  send(trace, 1, 'account', '<many@sent.example>', to);
  const failed = ['R17@away.test', 'r3@away.test', 'stranger@away.test', 'r*']
    .map((address) => `Final-Recipient: rfc822; ${address}\r\n`)
    .join('');
  let searches = 0;
  const book: Pick<typeof trace.book, 'search'> = {
    search: (query) => {
      searches += 1;
      return trace.book.search(query);
    },
  };
  const found = await findSent(book, about(`${failed}Message-ID: <many@sent.example>`));
  assert.equal(searches, 1, 'not one for each address that a stranger writes');
  assert.deepEqual(found?.recipients, ['r17@away.test', 'r3@away.test']);
});

test('a Message-ID is what it is and no pattern: nobody has all records looked at', async () => {
  const trace = new MemoryTrace();
  for (let n = 1; n < 10; n++) send(trace, n, 'account', `<${n}@sent.example>`, ['eve@away.test']);
  const store = await trace.flush();
  let looked = 0;
  const search = store.search.bind(store);
  store.search = async function* (asked) {
    for await (const one of search(asked)) {
      looked += 1;
      yield one;
    }
  };
  for (const crafted of ['<*>', '<4*>', '<eve>', '<a>', '<eve@away.test>', '<192.0.2.1>']) {
    assert.equal(await findSent(trace.book, about(`Message-ID: ${crafted}`)), undefined, crafted);
  }
  assert.equal(looked, 0);
});
