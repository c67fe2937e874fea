/**
 * The control server: HTTP on the socket `<data>/control.sock` with everything, and on the control
 * port with health and metrics only (the API there needs tokens, which this version has not). Who
 * may open the socket (mode 0660) may do everything. A request that fails unexpectedly ends here,
 * with 500 and a line in the log; nothing a client sends ends the process.
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText, isOfStore } from '../base/errors.ts';
import { listenFault } from '../base/listen-fault.ts';
import type { Log } from '../base/log.ts';
import { addApi } from './api.ts';
import type { GatewayView } from './gateway-view.ts';
import { addHealth } from './health.ts';
import { RequestFault } from './request.ts';

export interface ControlServerOptions {
  readonly socket: string;
  /** Undefined: the socket only. Port 0 means one that the system chooses. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly gateway: GatewayView;
  readonly clock: Clock;
  readonly log: Log;
}

const SOCKET_MODE = 0o660;
/** `sun_path` of unix(7), without the final NUL. */
const MAX_SOCKET_PATH = 107;
const MAX_BODY_BYTES = 1024 * 1024;
const REQUEST_MS = 30_000;
/** Whoever reaches the port shares our files and memory with the mail; more connections are closed. */
const MAX_ON_PORT = 100;
/** Of one connection: the answers to requests that come together wait in memory for a slow reader. */
const MAX_REQUESTS_ON_PORT = 10;
const MAX_ON_SOCKET = 250;
const PROBE_MS = 2000;

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #onSocket: FastifyInstance;
  readonly #onPort: FastifyInstance;
  #isListening = false;

  constructor(options: ControlServerOptions) {
    const { gateway, clock, log } = options;
    this.#options = options;
    // Live events may be silent for as long as they like.
    this.#onSocket = createServer(log, { connections: MAX_ON_SOCKET, requests: 0, silenceMs: 0 });
    addHealth(this.#onSocket, gateway);
    addApi(this.#onSocket, { gateway, clock, log });
    this.#onPort = createServer(log, {
      connections: MAX_ON_PORT,
      requests: MAX_REQUESTS_ON_PORT,
      silenceMs: REQUEST_MS,
    });
    addHealth(this.#onPort, gateway);
    this.#onPort.all('/api/*', async (_request, reply) => {
      reply.header('www-authenticate', 'Bearer');
      throw new RequestFault(401, 'the API is offered on the control socket only');
    });
  }

  /** Opens socket and port; rejects with `LISTEN_FAILED` when another gateway is there. */
  async start(): Promise<{ readonly host: string; readonly port: number } | undefined> {
    const { socket, address } = this.#options;
    await makeRoom(socket);
    await listen(this.#onSocket, { path: socket });
    this.#isListening = true;
    chmodSync(socket, SOCKET_MODE);
    if (address === undefined) return undefined;
    await listen(this.#onPort, address);
    const bound = this.#onPort.server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    return { host: address.host, port };
  }

  /** Ends all requests, followers of live events too. */
  async stop(): Promise<void> {
    await Promise.all([this.#onSocket.close(), this.#onPort.close()]);
    // Only our own: the file of another gateway, which kept this one from starting, stays.
    if (this.#isListening) removeSocket(this.#options.socket);
  }
}

interface Bounds {
  readonly connections: number;
  /** Of one connection; 0 for as many as come. */
  readonly requests: number;
  /** A connection that neither reads nor writes for so long is closed; 0 for never. */
  readonly silenceMs: number;
}

function createServer(log: Log, { connections, requests, silenceMs }: Bounds): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: silenceMs,
    maxRequestsPerSocket: requests,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 400 },
  });
  server.server.maxConnections = connections;
  server.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).send({ error: 'no such page' }),
  );
  server.setErrorHandler(async (error, request, reply) => {
    const status = statusOf(error);
    if (status < 500 || error instanceof RequestFault) {
      return reply.code(status).send({ error: errorText(error) });
    }
    if (isOfStore(error)) return reply.code(503).send({ error: errorText(error) });
    const stack = error instanceof Error ? error.stack : undefined;
    const where = `${request.method} ${request.url}`;
    log.emit('crash', { msg: errorText(error), where, stack }, 'error');
    return reply.code(500).send({ error: `internal error: ${errorText(error)}` });
  });
  return server;
}

function statusOf(error: unknown): number {
  if (!(error instanceof Error) || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' ? error.statusCode : 500;
}

async function listen(
  server: FastifyInstance,
  where: { path: string } | { host: string; port: number },
): Promise<void> {
  try {
    await server.listen(where);
  } catch (cause) {
    if ('port' in where) {
      throw listenFault('control', { address: where.host, port: where.port }, cause);
    }
    throw new CodedError('LISTEN_FAILED', `cannot listen on ${where.path}: ${errorText(cause)}`, {
      cause,
    });
  }
}

/** Where it cannot be, as on a disk that has become read-only, the next start does it. */
function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Nobody listens there any more, and that is what counts.
  }
}

/** Removes the socket file that a dead process left behind. */
async function makeRoom(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    const text = `the path of the control socket is longer than ${MAX_SOCKET_PATH} bytes: ${path}`;
    throw new CodedError('LISTEN_FAILED', text);
  }
  if (await isAnswered(path)) {
    throw new CodedError(
      'LISTEN_FAILED',
      `another gateway is running, or another program: ${path} is in use, "ss -lxp src ${path}" says by whom`,
    );
  }
  rmSync(path, { force: true });
}

/** Somebody accepts connections there, or keeps us from finding out. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(PROBE_MS, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
