/**
 * One connection to one LDAP server, over `ldapts`: opened, secured and bound, asked any number of
 * questions side by side, then closed for good. The library would connect anew by itself and go on
 * without TLS and without a bind, where a directory shows nothing and everybody would seem unknown;
 * so it gets one socket and never a second. What a server sends for one question is bounded.
 */
import { isIP, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { Client } from 'ldapts';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { CodedError } from '../../base/errors.ts';
import type { LdapUrl } from '../../config/ldap-schema.ts';
import type { LdapSource } from './source.ts';

export interface Found {
  readonly isThere: boolean;
  /** Other servers that may know more. */
  readonly references: readonly string[];
}

/** Of all answers that are under way; one to us has some hundred bytes. */
const MAX_RECEIVED = 256 * 1024;
const SLICE_BYTES = 4096;

export class LdapConnection {
  readonly server: LdapUrl;
  readonly openedAt: number;
  /** Sources of which it is known that this connection sees somebody, by key. */
  readonly proven = new Set<string>();
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #sockets: Socket[] = [];
  #isOpen = true;
  #underWay = 0;
  #received = 0;
  #flooded = false;

  private constructor(clock: Clock, server: LdapUrl, source: LdapSource) {
    this.#clock = clock;
    this.server = server;
    this.openedAt = clock.mono();
    this.#timeoutMs = source.timeoutMs;
    const tls = tlsOptions(server, source);
    this.#client = new Client({
      url: server.url,
      createConnection: () =>
        this.#first(new SlicedSocket().connect({ host: server.host, port: server.port })),
      createSecureConnection: (...given: unknown[]) => {
        const [options] = given;
        // On an open connection: that is what StartTLS gives.
        if (isUpgrade(options)) return this.#keep(connectTls({ ...tls, socket: options.socket }));
        return this.#first(connectTls({ ...tls, port: server.port }));
      },
    });
  }

  /** Rejects when the server does not answer in time, does not prove who it is, or refuses us. */
  static async open(clock: Clock, server: LdapUrl, source: LdapSource): Promise<LdapConnection> {
    const connection = new LdapConnection(clock, server, source);
    try {
      await withDeadline(clock, source.timeoutMs, server.url, () => connection.#begin(source));
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether an entry fits. Rejects when the server does not say so clearly. */
  async find(base: string, filter: string, most?: 'one'): Promise<Found> {
    if (!this.#isOpen) throw new CodedError('PEER_CLOSED', 'the connection was closed');
    if (this.#underWay === 0) this.#received = 0;
    this.#underWay += 1;
    try {
      const { searchEntries, searchReferences } = await withDeadline(
        this.#clock,
        this.#timeoutMs,
        this.server.url,
        () =>
          this.#client.search(base, {
            filter,
            scope: 'sub',
            attributes: ['1.1'],
            timeLimit: Math.ceil(this.#timeoutMs / 1000),
            // With a limit the library takes "too many" for an answer, be there an entry or not.
            ...(most === 'one' && { sizeLimit: 1 }),
          }),
      );
      return { isThere: searchEntries.length > 0, references: searchReferences };
    } catch (error) {
      throw this.#flooded ? new CodedError('PEER_PROTOCOL', 'too much at once') : error;
    } finally {
      this.#underWay -= 1;
    }
  }

  close(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #begin({ tls, bind }: LdapSource): Promise<void> {
    const { secure } = this.server;
    if (!secure && tls === 'starttls') await this.#client.startTLS();
    if (bind !== undefined) await this.#client.bind(bind.dn, bind.password);
  }

  #first<T extends Socket>(socket: T): T {
    if (this.#sockets.length > 0 || !this.#isOpen) {
      socket.destroy();
      throw new CodedError('PEER_CLOSED', 'the connection was closed');
    }
    return this.#keep(socket);
  }

  #keep<T extends Socket>(socket: T): T {
    for (const below of this.#sockets) below.off('data', this.#onData);
    this.#sockets.push(socket);
    socket.on('data', this.#onData);
    socket.on('close', () => {
      this.#isOpen = false;
      // The library takes its own listener off, and a late fault must not end the process.
      socket.on('error', () => undefined);
    });
    return socket;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received <= MAX_RECEIVED) return;
    this.#flooded = true;
    this.close();
  };
}

/**
 * The library reads each message of a chunk one call deeper than the one before: a full chunk of the
 * smallest ones would overflow the stack and end the process. TLS gives a quarter of that at most.
 */
class SlicedSocket extends Socket {
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk === null || chunk.length <= SLICE_BYTES) return super.push(chunk, encoding);
    let wantsMore = true;
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
      wantsMore = super.push(chunk.subarray(start, start + SLICE_BYTES));
    }
    return wantsMore;
  }
}

function isUpgrade(options: unknown): options is { readonly socket: Socket } {
  return typeof options === 'object' && options !== null && 'socket' in options;
}

function tlsOptions({ host }: LdapUrl, { ca }: LdapSource): ConnectionOptions {
  return {
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
  };
}
