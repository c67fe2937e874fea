/**
 * A self-signed certificate for our hostname (X.509 v3, ECDSA P-256, RFC 5280), for gateways without
 * a configured one. Node makes keys and signatures but no certificates, and what is needed here is
 * one fixed form: a few DER values put together.
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { randomToken } from '../base/ids.ts';

export interface CertificateRequest {
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** Longest common name (RFC 5280, ub-common-name); the whole name stands in subjectAltName. */
const MAX_COMMON_NAME = 64;

const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
} as const;

export function makeCertificate(request: CertificateRequest): PemPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(
    set(sequence(oid(OID.commonName), utf8(request.hostname.slice(0, MAX_COMMON_NAME)))),
  );
  const tbs = sequence(
    explicit(0, integer('02')), // version 3
    integer(`7f${randomToken(15)}`),
    algorithm,
    name,
    sequence(time(request.notBefore), time(request.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        extension(OID.basicConstraints, true, sequence()),
        extension(OID.keyUsage, true, der(0x03, Buffer.from([7, 0x80]))), // digitalSignature
        extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth))),
        extension(OID.subjectAltName, false, sequence(der(0x82, Buffer.from(request.hostname)))),
      ),
    ),
  );
  const signature = createSign('sha256').update(tbs).sign(privateKey);
  const cert = sequence(tbs, algorithm, bitString(signature));
  return {
    cert: pem('CERTIFICATE', cert),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Tag, length (short or long form) and content (X.690 8.1). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length, ...bytes]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}
function set(part: Buffer): Buffer {
  return der(0x31, part);
}
function explicit(number: number, part: Buffer): Buffer {
  return der(0xa0 + number, part);
}
/** `hex` has its highest bit clear: a positive number. */
function integer(hex: string): Buffer {
  return der(0x02, Buffer.from(hex, 'hex'));
}
function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}
function utf8(text: string): Buffer {
  return der(0x0c, Buffer.from(text));
}
function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}
function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

/** UTCTime up to 2049, then GeneralizedTime (RFC 5280 4.1.2.5). */
function time(at: number): Buffer {
  const digits = `${new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')}`;
  return digits < '2050' ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
