/**
 * One gateway for a file of scenarios about filters that look at clients and senders: with a DNS out
 * of a table, a destination that takes everything, and clients of any address behind a PROXY header.
 * Stands from the first test of the file to its last; what has arrived and was asked begins anew with
 * each test.
 */
import { after, before, beforeEach } from 'node:test';
import { Destination } from './destination.ts';
import { DnsServer } from './dns-server.ts';
import type { Zones } from './dns-server.ts';
import { Gateway } from './gateway.ts';
import { PROXIED_LISTENER, proxiedMail } from './proxied-client.ts';
import type { ProxiedMail } from './proxied-client.ts';

export interface FilteredClientsOptions {
  readonly dns: Zones;
  /** `plugins:` of sluice.yaml. */
  readonly plugins: string;
  /** Domain files by name, whose mail goes to this port. */
  readonly domains: (port: number) => Readonly<Record<string, string>>;
}

export class FilteredClients {
  readonly destination = new Destination();
  readonly dns: DnsServer;
  #gateway: Gateway | undefined;

  private constructor(dns: DnsServer) {
    this.dns = dns;
  }

  /** To be called at the top of the file: node:test starts and ends it. */
  static of({ dns, plugins, domains }: FilteredClientsOptions): FilteredClients {
    const rig = new FilteredClients(new DnsServer(dns));
    before(async () => {
      await rig.destination.start();
      await rig.dns.start();
      const { port } = rig.destination;
      rig.#gateway = await Gateway.run({
        node: `dns: { servers: ["${rig.dns.address}"] }\ndelivery: { smarthost: "127.0.0.1:${port}" }`,
        listeners: PROXIED_LISTENER,
        plugins,
        domains: domains(port),
      });
    });
    after(async () => {
      await rig.#gateway?.remove();
      await rig.destination.stop();
      await rig.dns.stop();
    });
    beforeEach(() => {
      rig.destination.arrived.length = 0;
      rig.dns.asked.length = 0;
    });
    return rig;
  }

  get gateway(): Gateway {
    if (this.#gateway === undefined) throw new Error('the gateway runs within tests only');
    return this.#gateway;
  }

  /** The reply that ends it: of the first command that is refused, else the final one. */
  send(mail: ProxiedMail): Promise<string> {
    return proxiedMail(this.gateway.port(), mail);
  }

  /** What a field says of the last mail that went on, if it has it. */
  field(name: string): string | undefined {
    const text = this.destination.arrived.at(-1)?.content.toString('latin1') ?? '';
    return new RegExp(`^${name}: (.*)\r$`, 'm').exec(text)?.[1];
  }
}
