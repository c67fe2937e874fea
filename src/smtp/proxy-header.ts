/**
 * The header that a load balancer puts in front of a connection (PROXY protocol, versions 1 and 2):
 * whose connection it really is. A pure reader of bytes; strict, for what is behind the header is
 * taken for the client's own words. TLVs are passed over. A header that names nobody (LOCAL, UNKNOWN,
 * a socket file) is about a connection of the proxy itself.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { SessionView } from '../mail/session-view.ts';

/** Who is connected with whom, as the proxy tells it. */
export type Ends = Pick<SessionView, 'remote' | 'local'>;

export type ProxyHeader =
  | { readonly kind: 'more' }
  /** `ends` is absent where the connection is the proxy's own. */
  | { readonly kind: 'header'; readonly ends: Ends | undefined; readonly length: number }
  | { readonly kind: 'bad'; readonly what: string };

/** The specification's own bound, CRLF included. */
const MAX_V1 = 107;
/** With TLVs; real ones have a few hundred bytes. */
const MAX_V2 = 4096;
const V1_START = Buffer.from('PROXY ');
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED = 16;
const V1_PORT = /^(?:0|[1-9]\d{0,4})$/;

const MORE: ProxyHeader = { kind: 'more' };

/** `bytes` is all that has come in so far. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsLike(bytes, V1_START)) return bytes.length < V1_START.length ? MORE : readV1(bytes);
  if (beginsLike(bytes, V2_START)) return bytes.length < V2_FIXED ? MORE : readV2(bytes);
  return bad('no PROXY header');
}

/** As far as both go. */
function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1).indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1 ? MORE : bad('PROXY line too long');
  const length = end + 2;
  const words = bytes.toString('latin1', 0, end).split(' ');
  const [, family = '', source = '', target = '', sourcePort = '', targetPort = ''] = words;
  if (family === 'UNKNOWN') return { kind: 'header', ends: undefined, length };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : isNothing;
  const isSound = [source, target].every(isAddress) && [sourcePort, targetPort].every(isPort);
  if (words.length !== 6 || !isSound) return bad('malformed PROXY line');
  const ends = {
    remote: { address: canonical(source), port: Number(sourcePort) },
    local: { address: canonical(target), port: Number(targetPort) },
  };
  return { kind: 'header', ends, length };
}

function readV2(bytes: Buffer): ProxyHeader {
  const version = (bytes[12] ?? 0) >> 4;
  const command = (bytes[12] ?? 0) & 15;
  const family = (bytes[13] ?? 0) >> 4;
  const transport = (bytes[13] ?? 0) & 15;
  const length = V2_FIXED + bytes.readUInt16BE(14);
  if (version !== 2 || command > 1) return bad('unknown PROXY version or command');
  if (length > MAX_V2) return bad('PROXY header too long');
  if (bytes.length < length) return MORE;
  // LOCAL; or a family without addresses of the Internet.
  if (command === 0 || family === 0 || family === 3) {
    return { kind: 'header', ends: undefined, length };
  }
  const size = family === 1 ? 4 : 16;
  const isSound = family <= 3 && transport === 1 && length >= V2_FIXED + 2 * size + 4;
  if (!isSound) return bad('malformed PROXY header');
  const at = V2_FIXED + 2 * size;
  const ends = {
    remote: { address: addressAt(bytes, V2_FIXED, size), port: bytes.readUInt16BE(at) },
    local: { address: addressAt(bytes, V2_FIXED + size, size), port: bytes.readUInt16BE(at + 2) },
  };
  return { kind: 'header', ends, length };
}

function addressAt(bytes: Buffer, start: number, size: number): string {
  const raw = bytes.subarray(start, start + size);
  if (size === 4) return raw.join('.');
  return canonical(raw.toString('hex').replace(/(.{4})(?!$)/g, '$1:'));
}

/** One address, one text: what counts and looks up addresses compares texts. */
export function canonical(address: string): string {
  if (isIPv4(address)) return address;
  return plainAddress(new SocketAddress({ address, family: 'ipv6' }).address);
}

/** IPv4 clients of a dual-stack port appear as `::ffff:192.0.2.1`. */
export function plainAddress(address: string): string {
  if (!address.startsWith('::ffff:')) return address;
  const mapped = address.slice('::ffff:'.length);
  return isIPv4(mapped) ? mapped : address;
}

/** A zone says where an address is, not whose. */
export function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}
function isPort(text: string): boolean {
  return V1_PORT.test(text) && Number(text) <= 65_535;
}
function isNothing(): boolean {
  return false;
}

function bad(what: string): ProxyHeader {
  return { kind: 'bad', what };
}
