/**
 * XCLIENT towards a destination that trusts us with it: its own filters then see the client that sent
 * the mail, not us. A connection speaks for one client at a time and is told of another one before
 * that one's mail; mail of our own goes over connections that speak for nobody. A destination that
 * does not offer it, or does not want it from us, gets the mail as from us: nothing hangs on it.
 */
import { CodedError } from '../base/errors.ts';
import { isPositive } from '../mail/reply.ts';
import { replyText } from '../mail/outcome.ts';
import type { SmtpClient } from '../smtp/client.ts';
import { xclientCommand } from '../smtp/client-commands.ts';

/** Who sent the mail to us. */
export interface Speaker {
  readonly address: string;
  readonly hello: string;
}

/**
 * Has the connection speak for a client, or for nobody. False when it cannot: another one is needed.
 * A connection that is lost meanwhile tells so itself, to whoever uses it next.
 */
export async function speakFor(
  connection: SmtpClient,
  hostname: string,
  client: Speaker | undefined,
): Promise<boolean> {
  const wanted = client === undefined || client.address === '' ? undefined : nameOf(client);
  if (connection.speaksFor === wanted) return true;
  if (client === undefined || wanted === undefined) return false;
  const { xclient: attributes } = connection.offers;
  if (!attributes.includes('ADDR')) return connection.speaksFor === undefined;
  try {
    if (connection.inTransaction) await connection.rset();
    const reply = await connection.xclient(xclientCommand(client, attributes));
    if (!isPositive(reply)) return connection.speaksFor === undefined;
    connection.speaksFor = wanted;
    const hello = await connection.ehlo(hostname);
    if (!isPositive(hello)) {
      const text = `EHLO behind XCLIENT: ${replyText(hello)}`;
      connection.close(new CodedError('STOPPING', text));
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  }
  return true;
}

function nameOf({ address, hello }: Speaker): string {
  return `${address} ${hello}`;
}
