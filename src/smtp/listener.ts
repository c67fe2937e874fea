/**
 * One listening port and its sessions. Bounds connections in all and per client; beyond that a
 * client hears 421 at once. Connections of load balancers are introduced by their PROXY header
 * first and count for the client behind it. `reconfigure` gives new settings to new sessions.
 * `stop` closes the port first: idle sessions hear 421, open transactions may finish within the
 * grace, the rest is cut.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { listenFault } from '../base/listen-fault.ts';
import type { Ids } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { TurnEnd } from '../base/turn-end.ts';
import { formatReply, replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { StartConversation } from './conversation.ts';
import { readIntroduction } from './proxied-socket.ts';
import type { Ends } from './proxy-header.ts';
import { plainAddress } from './proxy-header.ts';
import { Session } from './session.ts';
import type { CommandTimer, SessionOptions, SessionSettings } from './session-settings.ts';
import type { TlsContexts } from './tls-contexts.ts';

export interface ListenerOptions {
  readonly name: string;
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls: 'starttls' | 'implicit' | 'off';
  readonly contexts: TlsContexts;
  readonly settings: ListenerSettings;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly begin: StartConversation;
  readonly onCommand?: CommandTimer;
}

/** What may change while the port stays open. */
export interface ListenerSettings extends SessionSettings {
  readonly connections: number;
  readonly connectionsPerClient: number;
  /** Whether connections from an address begin with a PROXY header. */
  readonly isProxy: (address: string) => boolean;
}

const BACKLOG = 1024;
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

export class SmtpListener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** With the network of the client that each counts for. */
  readonly #sessions = new Map<Session, string>();
  readonly #perNetwork = new Map<string, number>();
  readonly #turnEnd = new TurnEnd();
  #settings: ListenerSettings;
  #sessionOptions: SessionOptions;
  #onEmpty: (() => void) | undefined;
  /** Where all its connections end; not known where it listens on every address. */
  #bound: Ends['local'] | undefined;
  /** Connections whose PROXY header is still to come. */
  readonly #unintroduced = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#sessionOptions = this.#optionsOfSessions(options.settings);
    // Half-open, so that a client which ends its half still gets the replies to what it sent.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Rejects with LISTEN_FAILED when the port cannot be bound. */
  async start(): Promise<{ readonly address: string; readonly port: number }> {
    const { address, port, name, log } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) => reject(listenFault(name, { address, port }, cause));
      this.#server.once('error', onError);
      this.#server.listen({ host: address, port, backlog: BACKLOG }, () => {
        this.#server.off('error', onError);
        // Such as too many open files: the next connection may work again.
        this.#server.on('error', (error) => {
          log.emit('smtp.reject.conn', { listener: name, why: 'limit', msg: errorText(error) });
        });
        resolve();
      });
    });
    const told = this.#server.address();
    if (told === null || typeof told === 'string') return { address, port };
    const bound = { address: plainAddress(told.address), port: told.port };
    if (!ANY_ADDRESS.has(bound.address)) this.#bound = bound;
    return bound;
  }

  reconfigure(settings: ListenerSettings): void {
    this.#settings = settings;
    this.#sessionOptions = this.#optionsOfSessions(settings);
  }

  /** Resolves when the port and all sessions are closed. */
  async stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const socket of this.#unintroduced) socket.destroy();
    for (const session of this.#sessions.keys()) session.stop();
    const timer = this.#options.clock.timer(graceMs, () => {
      for (const session of this.#sessions.keys()) session.destroy();
    });
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    timer.stop();
    await closed;
  }

  #optionsOfSessions(settings: SessionSettings): SessionOptions {
    const { tls, contexts, clock, log, begin, onCommand } = this.#options;
    return {
      settings,
      tls,
      secureContext: () => contexts.current(),
      turnEnd: this.#turnEnd,
      clock,
      log,
      begin,
      onCommand,
      admits: (session, address) => this.#reintroduce(session, address),
      onClosed: (session) => this.#forget(session),
    };
  }

  #accept(socket: Socket): void {
    // A connection that was reset before we could look at it has no address any more.
    const { remoteAddress, remotePort } = socket;
    const local = this.#bound ?? localEnd(socket);
    if (remoteAddress === undefined || local === undefined) {
      socket.destroy();
      return;
    }
    const remote = { address: plainAddress(remoteAddress), port: remotePort ?? 0 };
    const ends: Ends = { remote, local };
    if (this.#settings.isProxy(ends.remote.address)) void this.#introduce(socket, ends);
    else this.#begin(socket, ends);
  }

  /** Never rejects. */
  async #introduce(socket: Socket, proxy: Ends): Promise<void> {
    const { name, clock, ids, log } = this.#options;
    const via = proxy.remote.address;
    if (this.#isFull) {
      this.#turnAway(socket, via);
      return;
    }
    this.#unintroduced.add(socket);
    const introduction = await readIntroduction(socket, clock);
    this.#unintroduced.delete(socket);
    switch (introduction.kind) {
      case 'header':
        this.#begin(socket, introduction.ends ?? proxy, via);
        break;
      case 'bad': {
        const fields = { listener: name, why: 'proto', msg: introduction.what };
        log.emit('smtp.reject.conn', { ip: via, sid: ids.session(), ...fields });
        socket.destroy();
        break;
      }
      case 'gone':
        socket.destroy();
        break;
      default:
        introduction satisfies never;
    }
  }

  get #isFull(): boolean {
    return this.#sessions.size + this.#unintroduced.size >= this.#settings.connections;
  }

  #begin(socket: Socket, ends: Ends, via?: string): void {
    const network = clientNetwork(ends.remote.address);
    if (this.#isFull || !this.#hasRoomFor(network)) {
      this.#turnAway(socket, ends.remote.address);
      return;
    }
    const { name, clock, ids } = this.#options;
    const direct: SessionView = {
      sid: ids.session(),
      listener: name,
      remote: ends.remote,
      local: ends.local,
      openedAt: clock.now(),
      tls: undefined,
      login: undefined,
      hello: undefined,
    };
    const view = via === undefined ? direct : { ...direct, via };
    const session = new Session(socket, view, this.#sessionOptions);
    this.#sessions.set(session, network);
    this.#count(network, 1);
    if (via !== undefined) socket.resume();
    void session.open(); // never rejects
  }

  /** On an implicit-TLS port the client would not understand a reply in the clear. */
  #turnAway(socket: Socket, client: string): void {
    const { name, log, tls, ids } = this.#options;
    const sid = ids.session();
    log.emit('smtp.reject.conn', { ip: client, sid, listener: name, why: 'limit' });
    socket.on('error', () => undefined);
    if (tls === 'implicit') socket.destroy();
    else {
      socket.write(formatReply(replies.tooManyConnections(this.#settings.hostname)));
      socket.destroySoon();
    }
  }

  /** It has a client of its own by XCLIENT from now on, and counts for that one. */
  #reintroduce(session: Session, client: string): boolean {
    const before = this.#sessions.get(session);
    if (before === undefined) return false;
    const { name, log } = this.#options;
    const { sid, via } = session.view;
    log.emit('smtp.xclient', {
      ip: client,
      sid,
      listener: name,
      via,
      port: session.view.remote.port,
    });
    const network = clientNetwork(client);
    if (network === before) return true;
    if (!this.#hasRoomFor(network)) return false;
    this.#count(before, -1);
    this.#count(network, 1);
    this.#sessions.set(session, network);
    return true;
  }

  #forget(session: Session): void {
    const network = this.#sessions.get(session);
    if (network === undefined) return;
    this.#sessions.delete(session);
    this.#count(network, -1);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #hasRoomFor(network: string): boolean {
    const count = this.#perNetwork.get(network) ?? 0;
    return count < this.#settings.connectionsPerClient;
  }

  #count(network: string, change: 1 | -1): void {
    const now = (this.#perNetwork.get(network) ?? 0) + change;
    if (now > 0) this.#perNetwork.set(network, now);
    else this.#perNetwork.delete(network);
  }
}

function localEnd({ localAddress, localPort }: Socket): Ends['local'] | undefined {
  if (localAddress === undefined) return undefined;
  return { address: plainAddress(localAddress), port: localPort ?? 0 };
}
