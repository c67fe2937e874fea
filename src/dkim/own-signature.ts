/** A message of the gateway itself, whole in memory, with its signatures on top where there can be any. */
import { HeaderCollector, headerFields } from '../mail/header.ts';
import type { WatchedKey } from './record-watch.ts';
import { BodyHash } from './signature.ts';
import type { SigningKeys } from './signer.ts';
import { signMessage } from './signer.ts';

/** `at`: milliseconds since the epoch. */
export async function signedOwn(
  bytes: Uint8Array,
  keys: SigningKeys,
  isSeen: (key: WatchedKey) => boolean,
  at: number,
): Promise<Uint8Array> {
  if (keys.domains.every(({ all }) => all.length === 0)) return bytes;
  const collector = new HeaderCollector(bytes.length);
  collector.add(bytes);
  const body = new BodyHash();
  body.write(bytes.subarray(collector.bodyStart ?? bytes.length));
  const header = collector.bytes;
  const message = { header, fields: headerFields(header), bodyHash: body.end(), at };
  const signed = await signMessage(message, keys, isSeen);
  return signed.kind === 'signed' ? Buffer.concat([Buffer.from(signed.top), bytes]) : bytes;
}
