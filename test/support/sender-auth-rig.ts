/** The plugin sender-auth in the real host, with the DNS and the client that a test wants. */
import assert from 'node:assert/strict';
import { systemClock } from '../../src/base/clock.ts';
import { parseAddress } from '../../src/mail/address.ts';
import type { Verdict } from '../../src/mail/verdict.ts';
import type { RawOptions } from '../../src/plugin-host/options.ts';
import { loadPlugins } from '../../src/plugin-host/load.ts';
import type { Dns } from '../../src/plugin.ts';
import { ANY_DOMAIN, filterView, NEVER } from './filter-view.ts';
import { memoryBooks } from './memory-books.ts';
import { RecordedLog } from './recorded-log.ts';

export interface Client {
  readonly ip?: string;
  readonly helo?: string;
  /** Empty for the null reverse-path. */
  readonly from?: string;
  readonly direction?: 'in' | 'out';
}

export type Judge = (mail: string | Uint8Array, client?: Client) => Promise<Verdict>;

export async function senderAuth(dns: Dns, options: RawOptions = {}): Promise<Judge> {
  const loaded = await loadPlugins([{ name: 'sender-auth', options }], {
    ...{ hostname: 'mx.example', pluginFolder: '/nonexistent', dns },
    ...{ books: memoryBooks(systemClock), clock: systemClock, log: new RecordedLog() },
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const { host } = loaded;
  return async (
    mail,
    { ip = '192.0.2.1', helo = 'client.example', from = '', direction = 'in' } = {},
  ) => {
    const view = filterView(typeof mail === 'string' ? Buffer.from(mail, 'latin1') : mail);
    const address = parseAddress(from);
    const reversePath = from === '' ? null : address.ok ? address.value : split(from);
    const session = {
      ...view.session,
      remote: { address: ip, port: 1024 },
      hello: { verb: 'EHLO', name: helo },
    } as const;
    const envelope = { ...view.envelope, reversePath };
    const asked = { ...view, direction, session, envelope };
    return (await host.content(asked, ANY_DOMAIN, NEVER)).verdict;
  };
}

/** What SMTP would not take, for vectors that have it. */
function split(text: string): { local: string; domain: string } {
  const at = text.lastIndexOf('@');
  return { local: text.slice(0, Math.max(at, 0)), domain: text.slice(at + 1) };
}
