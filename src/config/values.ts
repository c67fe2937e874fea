/**
 * The kinds of value that settings have, as schemas: each turns the text of the file into what the
 * program works with (milliseconds, bytes, endpoints) and names in words what it expects.
 */
import { isIP } from 'node:net';
import * as z from 'zod';
import { isDomain, parseAddress } from '../mail/address.ts';
import type { Parsed } from '../mail/address.ts';
import { isHost, isNetwork, parseEndpoint, portAlone } from './endpoint.ts';
import {
  DURATION_HINT,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_HINT,
} from './quantity.ts';

/** Bounds are written as in the file, so that messages can repeat them. */
export const duration = (min: string, max: string) =>
  quantity(DURATION_HINT, parseDuration, formatDuration, min, max);

export const size = (min: string, max: string) =>
  quantity(SIZE_HINT, parseSize, formatSize, min, max);

function quantity(
  hint: string,
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
  min: string,
  max: string,
) {
  const least = parse(min) ?? 0;
  const most = parse(max) ?? Number.MAX_SAFE_INTEGER;
  return text(`expected ${hint}`, (value) => {
    const number = parse(value);
    if (number === undefined) return { ok: false, problem: `expected ${hint}` };
    if (number >= least && number <= most) return { ok: true, value: number };
    return { ok: false, problem: `expected ${format(least)} to ${format(most)}` };
  });
}

/** Text that `parse` understands; `expected` is said of anything but text. */
export function text<T>(
  expected: string | ((input: unknown) => string),
  parse: (value: string) => Parsed<T>,
) {
  const error =
    typeof expected === 'string' ? expected : ({ input }: { input?: unknown }) => expected(input);
  return z.string({ error }).transform((value, context): T => {
    const parsed = parse(value);
    if (parsed.ok) return parsed.value;
    context.issues.push({ code: 'custom', message: parsed.problem, input: value });
    return z.NEVER;
  });
}

/** Text that `fits`, kept as it is. */
const plain = (expected: string, fits: (value: string) => boolean) =>
  text(`expected ${expected}`, (value) =>
    fits(value) ? { ok: true, value } : { ok: false, problem: `expected ${expected}` },
  );

export const whole = (min: number, max: number) => {
  const error = `expected a whole number from ${min} to ${max}`;
  return z
    .number({ error })
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, { error });
};

const RATE = /^([1-9]\d{0,5})\/([smh])$/;
const RATE_UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

export interface MessageRate {
  readonly messages: number;
  readonly perMs: number;
}

/** `100/m` */
export const messageRate = () => {
  const expected = 'expected messages per second, minute or hour, such as 5/s, 100/m or 2000/h';
  return text(expected, (value): Parsed<MessageRate> => {
    const [, messages, unit = ''] = RATE.exec(value) ?? [];
    const perMs = RATE_UNIT_MS[unit];
    if (perMs === undefined) return { ok: false, problem: expected };
    return { ok: true, value: { messages: Number(messages), perMs } };
  });
};

/** A spam score, or null for "never". */
export const score = () => {
  const error = 'expected a number from -1000 to 1000, or null for never';
  return z
    .number({ error })
    .refine((value) => Math.abs(value) <= 1000, { error })
    .nullable();
};

const MAX_PATH = 4096; // PATH_MAX of Linux

export const path = () =>
  plain('a path', (value) => value !== '' && value.length <= MAX_PATH && !value.includes('\0'));

/** The name of a time zone that this machine knows. */
export const timeZone = () =>
  plain('the name of a time zone such as Europe/Berlin', (value) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: value });
      return true;
    } catch {
      return false;
    }
  });

export const hostName = () =>
  plain(
    'a full host name such as mx1.example.net',
    (value) =>
      /^[\x21-\x7e]+$/.test(value) && isDomain(value) && value.includes('.') && isIP(value) === 0,
  );

export const domainName = () =>
  plain(
    'a domain name such as example.org',
    (value) => isDomain(value) && !value.startsWith('[') && isIP(value) === 0,
  );

/** Of records that are no hosts: labels may begin with an underscore. */
export const recordName = () =>
  plain(
    'the name of a DNS record such as _spf.example.net',
    (value) => /^(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})+$/.test(value) && isIP(value) === 0,
  );

export const mailAddress = () =>
  plain(
    'a full address such as anna@example.org',
    (value) => parseAddress(value).ok && !value.endsWith(']'),
  );

export const network = () =>
  plain('an address or a network such as 192.0.2.0/24 or 2001:db8::/32', isNetwork);

export const networks = () =>
  z.array(network(), { error: 'expected a list of networks such as ["192.0.2.0/24"]' });

/** A name of our own making: listeners, plugins. */
export const name = (expected: string) =>
  plain(expected, (value) => /^[a-z0-9][a-z0-9_-]{0,63}$/i.test(value));

/**
 * `address:port` to listen on: an address of this machine, not a name; port 0 lets the system choose.
 * Where there is only a port, `usual` is proposed for the address.
 */
export const listenAddress = (usual: string) => {
  const form = 'expected address:port such as "0.0.0.0:25" or "[::1]:2525"';
  const advice = (input: unknown) => {
    const port = portAlone(String(input));
    return port === undefined ? form : `expected address:port such as "${usual}:${port}"`;
  };
  return text(advice, (value) => {
    const parsed = parseEndpoint(value, undefined);
    if (!parsed.ok) {
      return portAlone(value) === undefined ? parsed : { ok: false, problem: advice(value) };
    }
    const { host, port } = parsed.value;
    if (host === 'localhost') return { ok: true, value: { address: '127.0.0.1', port } };
    if (isIP(host) !== 0) return { ok: true, value: { address: host, port } };
    return { ok: false, problem: 'expected an address of this machine, not a name' };
  });
};

/** `address:port` of a server that must be named by address. */
export const serverAddress = (defaultPort: number) =>
  text('expected an address such as "192.0.2.53:53"', (value) => {
    const parsed = parseEndpoint(value, defaultPort);
    if (!parsed.ok || isIP(parsed.value.host) !== 0) return parsed;
    return { ok: false, problem: 'expected an address, not a name' };
  });

/** `host:port` to connect to; port 0 cannot be meant. */
export const endpoint = (defaultPort: number) =>
  text('expected host:port such as 192.0.2.10:25', (value) => {
    const parsed = parseEndpoint(value, defaultPort);
    if (!parsed.ok || parsed.value.port !== 0) return parsed;
    return { ok: false, problem: 'the port must be a number from 1 to 65535' };
  });

export const host = () => plain('a host name or an address', isHost);

/** A password as it may stand in a file: hashed. */
export const secret = () => {
  const error =
    'expected a hash that begins with "scrypt:" or "scram-sha-256:", never the password itself';
  return z.string({ error }).refine((value) => /^(scrypt|scram-sha-256):/.test(value), { error });
};

/** How much may wait in the queue, of the node or of one domain; null: as the disk has room for. */
export const quotaKeys = () => ({
  max_messages: whole(0, 1_000_000_000).nullable().prefault(null),
  max_bytes: size('0B', '1024GiB').nullable().prefault(null),
});
