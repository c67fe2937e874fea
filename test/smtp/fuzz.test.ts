/**
 * Seeded noise against the server from each state of a session: pieces of commands, of attacks and of
 * chance. Whatever comes, there is a reply or a close, never a crash and never a message that was not
 * ended by CRLF.CRLF. SLUICE_FUZZ_ROUNDS asks for more rounds, SLUICE_FUZZ_SEED for other ones.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { loadTestContexts, startServer } from '../support/smtp-server.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { DialogClient } from './dialog-replay.ts';

const ROUNDS = Number(process.env['SLUICE_FUZZ_ROUNDS'] ?? 150);
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 1);

/** What brings a session into each state. */
const STATES: Readonly<Record<string, string>> = {
  start: '',
  ready: 'EHLO client.test\r\n',
  mail: 'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n',
  refused: 'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<unknown@example.test>\r\n',
  rcpt: 'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\n',
  content:
    'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<slow@example.test>\r\nDATA\r\n',
  chunks:
    'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<slow@example.test>\r\nBDAT 3\r\nx\r\n',
  spoilt:
    'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nBDAT 2\r\n\rxBDAT 9\r\n',
};

const WORDS = [
  ...['EHLO ', 'HELO ', 'MAIL FROM:', 'RCPT TO:', 'DATA', 'RSET', 'NOOP', 'QUIT', 'STARTTLS'],
  ...['VRFY ', 'HELP', 'BDAT 5', 'AUTH ', '<', '>', '<>', '@', ':', '"', '\\', '[', ']', '.', '..'],
  ...['a@client.test', '<b@example.test>', '<slow@example.test>', '<unknown@example.test>', 'x'],
  ...[' SIZE=', ' BODY=8BITMIME', ' SMTPUTF8', ' NOTIFY=NEVER', ' ORCPT=rfc822;', '=', '+0A', ' '],
  ...['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n.\r\n', '\r\n..\r\n', '\r', '\n', '\0', '\t'],
  ...['\xff', '\xc3\xa4', '\x16\x03\x01\x02', 'GET / HTTP/1.1', 'x'.repeat(3000), '99999999999'],
];

/** Chunks alone may make content that ends within a line, so they are tried apart. */
const CHUNK_WORDS = [
  ...['BDAT 5\r\n', 'BDAT 40\r\n', 'BDAT 9 LAST\r\n', 'BDAT 0 LAST\r\n', 'BDAT 3000\r\n'],
  ...['MAIL FROM:<a@client.test>\r\n', 'RCPT TO:<b@example.test>\r\n', 'bdat 2 last\r\n'],
];

function noise(random: SeededRandom, inChunks: boolean): Buffer {
  const pick = (limit: number) => Math.floor(random() * limit);
  if (pick(8) === 0) return Buffer.from(Array.from({ length: 200 }, () => pick(256)));
  // Half of the rounds know no bare line end, which would end them early.
  const known = inChunks ? [...WORDS, ...CHUNK_WORDS, ...CHUNK_WORDS] : WORDS;
  const words = pick(2) === 0 ? known : known.filter((word) => word !== '\r' && word !== '\n');
  let text = '';
  for (let i = 0; i < 40; i++) text += words[pick(words.length)] ?? '';
  return Buffer.from(text, 'latin1');
}

function cutAtRandom(random: SeededRandom): (bytes: Buffer) => Buffer[] {
  return (bytes) => {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + Math.floor(random() * 800);
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    return chunks;
  };
}

const contexts = await loadTestContexts();

for (const [state, prefix] of Object.entries(STATES)) {
  test(`noise from state ${state}, seed ${SEED}`, async () => {
    const random = seededRandom(SEED);
    const inChunks = prefix.includes('BDAT');
    const server = await startServer(contexts);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = Buffer.concat([Buffer.from(prefix, 'latin1'), noise(random, inChunks)]);
        const told = `round ${round}: ${JSON.stringify(bytes.toString('latin1'))}`;
        const client = await DialogClient.open(server.port);
        await client.until(told, (received, closed) => closed || received.includes('\r\n'));
        await client.send(bytes, cutAtRandom(random));
        client.fin();
        await client.until(told, (_, closed) => closed);
        client.destroy();
        await until(told, () => server.program.summaries.length === round + 1);
        assert.deepEqual(server.log.of('crash'), [], told);
        for (const line of client.received.split('\r\n').slice(0, -1)) {
          // A TLS alert is all that may come behind 220 in the clear.
          if (!/^[2345]\d\d[ -]/.test(line))
            assert.match(client.received, /Ready to start TLS/, told);
          assert.ok(line.length <= 510, told);
        }
      }
      assert.equal(server.program.summaries.length, ROUNDS);
      for (const content of server.program.contents) {
        if (!inChunks) assert.match(content.toString('latin1'), /^$|\r\n$/);
        assert.doesNotMatch(content.toString('latin1'), /\r(?!\n)|(?<!\r)\n/);
      }
    } finally {
      await server.stop();
    }
  });
}
