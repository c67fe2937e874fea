/**
 * A private key that signs mail (RFC 6376 3.3, RFC 8463), and what of it everybody may know. It is read
 * from PEM, in the forms that openssl and opendkim-genkey write, and never leaves this value.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, hash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Parsed } from '../mail/address.ts';

export type Algorithm = 'rsa-sha256' | 'ed25519-sha256';

export interface SigningKey {
  readonly algorithm: Algorithm;
  readonly bits: number;
  /** `p=` of its record, base64. */
  readonly publicKey: string;
  /** The signature of `data`; computed beside the event loop. */
  sign(data: Uint8Array): Promise<Buffer>;
}

/** RFC 8301 3.2: below nobody may accept it, above nobody has to. */
const RSA_BITS = { least: 1024, most: 4096 } as const;
const ED25519_BYTES = 32;

export function parseSigningKey(pem: string): Parsed<SigningKey> {
  let key: KeyObject;
  // What is wrong with a file is for a person to hear, not a surprise.
  try {
    key = createPrivateKey(pem);
  } catch {
    return { ok: false, problem: 'is no private key in PEM without a passphrase' };
  }
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (key.asymmetricKeyType === 'ed25519') {
    // RFC 8463 4: the key alone, without what says which kind it is.
    const publicKey = spki.subarray(-ED25519_BYTES).toString('base64');
    const signHash = (data: Uint8Array) => signed(null, hash('sha256', data, 'buffer'), key);
    return {
      ok: true,
      value: { algorithm: 'ed25519-sha256', bits: 256, publicKey, sign: signHash },
    };
  }
  if (key.asymmetricKeyType !== 'rsa') return { ok: false, problem: 'is neither RSA nor Ed25519' };
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) {
    const problem = `has ${bits} bits: receivers take RSA keys of ${RSA_BITS.least} to ${RSA_BITS.most}`;
    return { ok: false, problem };
  }
  const value: SigningKey = {
    algorithm: 'rsa-sha256',
    bits,
    publicKey: spki.toString('base64'),
    sign: (data) => signed('sha256', data, key),
  };
  return { ok: true, value };
}

const signed = promisify(
  (
    algorithm: string | null,
    data: Uint8Array,
    key: KeyObject,
    done: (error: Error | null, signature: Buffer) => void,
  ) => sign(algorithm, data, key, done),
);

export type KeyKind = 'rsa2048' | 'ed25519';

/** A new private key as PEM (PKCS 8). */
export async function makeKey(kind: KeyKind): Promise<string> {
  const make = promisify(generateKeyPair);
  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
  if (kind === 'ed25519') {
    const { privateKey } = await make('ed25519', {
      privateKeyEncoding: pkcs8,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    return privateKey;
  }
  const { privateKey } = await make('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: pkcs8,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return privateKey;
}
