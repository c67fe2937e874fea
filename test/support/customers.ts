/**
 * Customers who send, for scenarios of limits and locks: each is an account by an address of
 * loopback, all mail goes to one hosted domain that takes everybody, and one filter smells spam.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Destination } from './destination.ts';
import { domainFile } from './domain-file.ts';
import { Gateway } from './gateway.ts';
import type { GatewayFiles } from './gateway.ts';
import { SmtpTalk } from './smtp-talk.ts';

/** Says what it is told to by the content: spam, or a virus. */
const SMELL = `export default {
  name: 'smell',
  hooks: {
    async content(view) {
      let text = '';
      for await (const bytes of view.content.read()) text += Buffer.from(bytes).toString('latin1');
      if (text.includes('SPAM')) return { kind: 'pass', score: 20, tests: ['SMELL'] };
      if (text.includes('VIRUS')) return { kind: 'refuse', reason: 'virus', text: 'a smell' };
      return undefined;
    },
  },
};
`;

export interface Customer {
  readonly domain: string;
  /** One item of `outgoing.accounts`. */
  readonly account: string;
  /** Of `outgoing`, beside its accounts. */
  readonly outgoing?: string;
  readonly more?: Readonly<Record<string, string>>;
}

export class Customers {
  readonly gateway: Gateway;
  readonly destination: Destination;

  private constructor(gateway: Gateway, destination: Destination) {
    this.gateway = gateway;
    this.destination = destination;
  }

  static async start(
    customers: readonly Customer[],
    files: Partial<GatewayFiles> = {},
  ): Promise<Customers> {
    const destination = await new Destination().start();
    const domains = customers.map(({ domain, account, outgoing: settings = '', more }) => {
      const base = `enabled: true, spam: { reject: 10 }, accounts: [${account}]`;
      const outgoing = `{ ${base}${settings === '' ? '' : `, ${settings}`} }`;
      return [domain, domainFile(destination.port, { outgoing, ...more }, domain)] as const;
    });
    const gateway = await Gateway.make({
      plugins: '[smell: {}]',
      ...files,
      domains: {
        ...Object.fromEntries(domains),
        'away.test': domainFile(destination.port, {}, 'away.test'),
      },
    });
    await mkdir(join(gateway.folder, 'plugins'));
    await writeFile(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(gateway.folder, 'plugins', 'smell.js'), SMELL);
    await gateway.start();
    return new Customers(gateway, destination);
  }

  talk(address: string): Promise<SmtpTalk> {
    return SmtpTalk.greeted(this.gateway.port(), 'mail.customer.test', address);
  }

  /** One message in a session of its own; the last reply. */
  async send(
    address: string,
    from: string,
    { to = ['eve@away.test'], body = 'Hello', header = '' } = {},
  ): Promise<string> {
    const talk = await this.talk(address);
    try {
      return await talk.send(from, to, `${header}From: ${from}\r\nSubject: hi\r\n\r\n${body}\r\n`);
    } finally {
      await talk.quit().catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    await this.gateway.remove();
    await this.destination.stop();
  }
}
