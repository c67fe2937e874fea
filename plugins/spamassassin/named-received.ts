/**
 * Our Received field with the client's name in it, as spamd wants to see it: rules ask whether there is one
 * (RDNS_NONE), and what it looks like.
 */

/** `from HELO (NAME [ADDRESS])` (RFC 5321 4.4, TCP-info); as it is without a name. */
export function namedReceived(received: Uint8Array, name: string | undefined): Uint8Array {
  if (name === undefined) return received;
  const text = Buffer.from(received).toString('latin1');
  return Buffer.from(
    text.replace(/ \((?=\[)/, () => ` (${name} `),
    'latin1',
  );
}
