/** The world outside for scenarios of outbound mail: a DNS and mail servers, all on loopback. */
import { join } from 'node:path';
import { Destination } from './destination.ts';
import { DnsServer } from './dns-server.ts';
import type { Zones } from './dns-server.ts';
import type { GatewayFiles } from './gateway.ts';
import { Gateway } from './gateway.ts';

const ON_LOOPBACK = 'private_networks: [127.0.0.0/8]';

/** Each mail server has an address of its own and all the same port, as in the world. */
export class Outside {
  readonly dns: DnsServer;
  readonly servers: readonly Destination[];
  #port = 0;

  private constructor(dns: DnsServer, servers: readonly Destination[], port: number) {
    this.dns = dns;
    this.servers = servers;
    this.#port = port;
  }

  /** Mail server number i is at 127.0.0.(11 + i). */
  static async start(zones: Zones, count: number): Promise<Outside> {
    const dns = await new DnsServer(zones).start();
    const first = await new Destination({}, addressOf(0)).start();
    const { port } = first;
    const servers = [first];
    for (let i = 1; i < count; i++) {
      servers.push(await new Destination({}, addressOf(i), port).start());
    }
    return new Outside(dns, servers, port);
  }

  server(index: number): Destination {
    const server = this.servers[index];
    if (server === undefined) throw new Error(`no server ${index}`);
    return server;
  }

  /** A gateway that finds its way in this world. */
  gateway(files: GatewayFiles, delivery?: string): Promise<Gateway> {
    return Gateway.run(this.files(files, delivery));
  }

  /** The same, not started yet. */
  files(files: GatewayFiles, delivery = ON_LOOPBACK): GatewayFiles {
    return {
      ...files,
      node: `dns: { servers: ["${this.dns.address}"] }\ndelivery: { ${delivery} }\n${files.node ?? ''}`,
      program: join(import.meta.dirname, 'remote-main.ts'),
      env: { ...files.env, SLUICE_TEST_REMOTE_PORT: String(this.#port) },
    };
  }

  /** Forgets what has arrived; everybody behaves again. */
  clear(): void {
    for (const server of this.servers) {
      server.arrived.length = 0;
      server.behaviour = {};
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.dns.stop();
  }
}

export function addressOf(index: number): string {
  return `127.0.0.${11 + index}`;
}
