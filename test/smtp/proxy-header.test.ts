/** PROXY headers of both versions: who is named, what is refused, and never a byte too many. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { readProxyHeader } from '../../src/smtp/proxy-header.ts';
import { proxyV2 } from '../support/proxy-v2.ts';
import { seededRandom } from '../support/seeded-random.ts';

const v1 = (words: string) => Buffer.from(`PROXY ${words}\r\n`, 'latin1');
const V4 = ['192.0.2.1', 56324, '198.51.100.9', 25];
const V6 = ['2001:db8::1', 56324, '2001:db8::ff', 25];
const PORTS = 'dc040019';
const HEX4 = `c0000201c6336409${PORTS}`;
const HEX6 = `20010db8${'0'.repeat(23)}120010db8${'0'.repeat(22)}ff${PORTS}`;
const MAPPED = `${'0'.repeat(20)}ffffc0000201${'0'.repeat(20)}ffffc6336409${PORTS}`;

const SOUND: readonly [what: string, header: Buffer, named: readonly unknown[] | undefined][] = [
  ['version 1, IPv4', v1('TCP4 192.0.2.1 198.51.100.9 56324 25'), V4],
  ['version 1, IPv6', v1('TCP6 2001:DB8:0::1 2001:db8::00ff 56324 25'), V6],
  ['version 1, IPv4 in IPv6', v1('TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.9 56324 25'), V4],
  ['version 1, unknown', v1('UNKNOWN'), undefined],
  ['version 1, unknown with more', v1(`UNKNOWN ${'f'.repeat(91)}`), undefined],
  ['version 2, IPv4', proxyV2('PROXY', 0x11, HEX4), V4],
  ['version 2, IPv6', proxyV2('PROXY', 0x21, HEX6), V6],
  ['version 2, IPv4 in IPv6', proxyV2('PROXY', 0x21, MAPPED), V4],
  ['version 2 with TLVs', proxyV2('PROXY', 0x11, HEX4, `040003000000${'20'.repeat(400)}`), V4],
  ['version 2, LOCAL', proxyV2('LOCAL', 0x00, ''), undefined],
  ['version 2, LOCAL with addresses', proxyV2('LOCAL', 0x11, HEX4), undefined],
  ['version 2, no family', proxyV2('PROXY', 0x00, ''), undefined],
  ['version 2, a socket file', proxyV2('PROXY', 0x31, '00'.repeat(216)), undefined],
];
for (const [what, header, named] of SOUND) {
  test(what, () => {
    for (let cut = 0; cut < header.length; cut++) {
      assert.deepEqual(readProxyHeader(header.subarray(0, cut)), { kind: 'more' }, String(cut));
    }
    for (const rest of ['', 'EHLO x\r\n', '\r\n']) {
      const read = readProxyHeader(Buffer.concat([header, Buffer.from(rest)]));
      assert.equal(read.kind, 'header');
      assert.ok(read.kind === 'header');
      assert.equal(read.length, header.length);
      const { remote, local } = read.ends ?? {};
      const told = remote && local && [remote.address, remote.port, local.address, local.port];
      assert.deepEqual(told, named);
    }
  });
}

const BROKEN: readonly [what: string, header: Buffer][] = [
  ['another protocol', Buffer.from('EHLO client.example\r\n')],
  ['TLS', Buffer.from('16030100', 'hex')],
  ['lower case', Buffer.from('proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n')],
  ['a family that does not fit', v1('TCP4 2001:db8::1 2001:db8::2 1 25')],
  ['the other one', v1('TCP6 192.0.2.1 192.0.2.2 1 25')],
  ['another family', v1('UDP4 192.0.2.1 192.0.2.2 1 25')],
  ['no family', v1('')],
  ['an octet too large', v1('TCP4 192.0.2.256 192.0.2.2 1 25')],
  ['a leading zero', v1('TCP4 192.0.2.01 192.0.2.2 1 25')],
  ['a zone', v1('TCP6 fe80::1%eth0 fe80::2 1 25')],
  ['a port too large', v1('TCP4 192.0.2.1 192.0.2.2 65536 25')],
  ['a port with a sign', v1('TCP4 192.0.2.1 192.0.2.2 +1 25')],
  ['two spaces', v1('TCP4  192.0.2.1 192.0.2.2 1 25')],
  ['a word too many', v1('TCP4 192.0.2.1 192.0.2.2 1 25 x')],
  ['a bare LF', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 25\nEHLO x\r\n')],
  ['no end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}`)],
  ['an end that comes too late', v1(`UNKNOWN ${'f'.repeat(92)}`)],
  ['version 3', proxyV2('PROXY', 0x11, HEX4).fill(0x31, 12, 13)],
  ['another command', proxyV2('PROXY', 0x11, HEX4).fill(0x22, 12, 13)],
  ['datagrams', proxyV2('PROXY', 0x12, HEX4)],
  ['another family, version 2', proxyV2('PROXY', 0x41, HEX4)],
  ['too short for its family', proxyV2('PROXY', 0x21, HEX4)],
  ['longer than anybody needs', proxyV2('PROXY', 0x11, HEX4, '00'.repeat(4096))],
];
for (const [what, header] of BROKEN) {
  test(`refused: ${what}`, () => assert.equal(readProxyHeader(header).kind, 'bad'));
}

test('noise of any kind is read without a surprise', () => {
  const random = seededRandom(7);
  const pick = (limit: number) => Math.floor(random() * limit);
  for (let round = 0; round < 20_000; round++) {
    const [, start = Buffer.alloc(0)] = SOUND[pick(SOUND.length)] ?? [];
    const bytes = Buffer.from(start.subarray(0, pick(start.length + 1)));
    for (let i = 0; i < 3 && bytes.length > 0; i++) bytes[pick(bytes.length)] = pick(256);
    const read = readProxyHeader(bytes);
    if (read.kind === 'header') assert.ok(read.length <= bytes.length);
  }
});
