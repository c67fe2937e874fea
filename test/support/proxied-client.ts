/** A client with any address, for tests: it comes behind a PROXY header to a listener that believes one. */
import { SmtpTalk } from './smtp-talk.ts';

export const PROXIED_LISTENER =
  '[{ name: mx, address: "127.0.0.1:0", proxy_protocol: [127.0.0.2] }]';

export interface ProxiedMail {
  readonly client: string;
  readonly helo?: string;
  readonly from?: string;
  readonly to?: string;
  readonly content?: string;
}

/** Connected; the greeting is not read yet. */
export async function proxiedClient(port: number, client: string): Promise<SmtpTalk> {
  const talk = await SmtpTalk.open(port, '127.0.0.2');
  const [family, own] = client.includes(':') ? ['TCP6', '2001:db8::25'] : ['TCP4', '192.0.2.25'];
  talk.write(`PROXY ${family} ${client} ${own} 4711 25\r\n`);
  return talk;
}

/** The reply that ends it: of the first command that is refused, else the final one. */
export async function proxiedMail(port: number, mail: ProxiedMail): Promise<string> {
  const { client, helo = 'client.test', from = 'a@sender.test', to = 'anna@example.org' } = mail;
  const talk = await proxiedClient(port, client);
  try {
    const greeting = await talk.reply();
    if (!greeting.startsWith('220')) return greeting;
    const hello = await talk.say(`EHLO ${helo}`);
    if (!hello.startsWith('250')) return hello;
    const own = `From: ${from === '' ? 'postmaster@sender.test' : from}\r\n`;
    return await talk.send(from, [to], mail.content ?? `${own}Subject: hi\r\n\r\nhello\r\n`);
  } finally {
    await talk.quit().catch(() => undefined);
  }
}
