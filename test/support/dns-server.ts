/** A DNS server for tests, on npm's dns2: real packets over UDP and TCP, answered from a table. */
import DNS from 'dns2';
import { freePort } from './free-port.ts';

export interface Zone {
  /** `10 mx1.example.test`; `0 .` is the null MX. */
  readonly mx?: readonly string[];
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** A record of several strings is a list. */
  readonly txt?: readonly (string | readonly string[])[];
  readonly ptr?: readonly string[];
  readonly cname?: string;
  readonly ttl?: number;
  /** Answered so late. */
  readonly afterMs?: number;
}

/** A name that is not in the table does not exist. */
export type Zones = Record<string, Zone | 'servfail' | 'silence'>;

export class DnsServer {
  readonly zones: Zones;
  /** `MX example.test`, in the order they came. */
  readonly asked: string[] = [];
  #server: DNS.DnsServer | undefined;
  #port = 0;

  constructor(zones: Zones) {
    this.zones = zones;
  }

  /** For `dns.servers`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    // One that is free for TCP is free for UDP as well, on a machine that runs tests.
    this.#port = await freePort();
    const server = DNS.createServer({
      udp: true,
      tcp: true,
      handle: (request, send) => {
        const answer = this.#answer(request);
        const zone = this.zones[request.questions[0]?.name.toLowerCase() ?? ''];
        const { afterMs = 0 } = typeof zone === 'object' ? zone : {};
        if (afterMs > 0) setTimeout(() => answer && void send(answer), afterMs);
        else if (answer !== undefined) void send(answer);
      },
    });
    this.#server = server;
    const at = { port: this.#port, address: '127.0.0.1' };
    await server.listen({ udp: at, tcp: at });
    return this;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }

  #answer(request: DNS.Packet): DNS.Packet | undefined {
    const { Packet } = DNS;
    const response = Packet.createResponseFromRequest(request);
    const [question] = request.questions;
    if (question === undefined) return response;
    const name = question.name.toLowerCase();
    const type = Object.entries(Packet.TYPE).find(([, code]) => code === question.type)?.[0];
    this.asked.push(`${type} ${name}`);
    const zone = this.zones[name];
    if (zone === 'silence') return undefined;
    if (zone === undefined) response.header.rcode = Packet.RCODE.NXDOMAIN;
    else if (zone === 'servfail') response.header.rcode = Packet.RCODE.SERVFAIL;
    else this.#records(response, name, type ?? '', zone);
    return response;
  }

  #records(response: DNS.Packet, name: string, type: string, zone: Zone): void {
    const { Packet } = DNS;
    const base = { name, class: Packet.CLASS.IN, ttl: zone.ttl ?? 300 };
    const add = (record: object) => response.answers.push({ ...base, ...record } as never); // as dns2 takes them
    if (zone.cname !== undefined) {
      add({ type: Packet.TYPE.CNAME, domain: zone.cname });
      const target = this.zones[zone.cname];
      if (typeof target === 'object') this.#records(response, zone.cname, type, target);
      return;
    }
    if (type === 'MX') {
      for (const text of zone.mx ?? []) {
        const [priority, exchange = ''] = text.split(' ');
        const root = exchange === '.' ? '' : exchange;
        add({ type: Packet.TYPE.MX, priority: Number(priority), exchange: root });
      }
    }
    if (type === 'A') {
      for (const address of zone.a ?? []) add({ type: Packet.TYPE.A, address });
    }
    if (type === 'AAAA') {
      for (const address of zone.aaaa ?? []) add({ type: Packet.TYPE.AAAA, address });
    }
    if (type === 'TXT') {
      for (const data of zone.txt ?? []) add({ type: Packet.TYPE.TXT, data });
    }
    if (type === 'PTR') {
      for (const domain of zone.ptr ?? []) add({ type: Packet.TYPE.PTR, domain });
    }
  }
}
