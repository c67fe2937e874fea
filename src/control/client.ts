/**
 * The client side of the control socket, for the command line. Everything that goes wrong is a
 * `ControlFault` that says what kind it is; answers are outside data and come as plain rows.
 */
import type { IncomingMessage } from 'node:http';
import { httpRequest } from '../base/http-request.ts';
import { linesOf } from './ndjson.ts';
import type { Row } from './rows.ts';

export type FaultKind =
  | 'unreachable' // no gateway answers there
  | 'denied' // the socket may not be opened
  | 'refused' // the gateway says no: see `status`
  | 'broken'; // the answer makes no sense or ends in the middle

export class ControlFault extends Error {
  readonly kind: FaultKind;
  /** HTTP status of a refusal. */
  readonly status: number;
  constructor(kind: FaultKind, message: string, status = 0) {
    super(message);
    this.name = 'ControlFault';
    this.kind = kind;
    this.status = status;
  }
}

type Method = 'GET' | 'POST' | 'DELETE';

/** Silence for so long ends a request; live events may be silent for as long as they like. */
const ANSWER_MS = 60_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export class ControlClient {
  readonly #socket: string;
  readonly #user: string;

  constructor(socket: string, user: string) {
    this.#socket = socket;
    this.#user = user;
  }

  /** One object; silence for longer than `waitMs` ends it. */
  async get(path: string, waitMs = ANSWER_MS): Promise<Row> {
    return this.#one('GET', path, undefined, waitMs);
  }

  async post(path: string, body: Row = {}): Promise<Row> {
    return this.#one('POST', path, body);
  }

  async delete(path: string): Promise<Row> {
    return this.#one('DELETE', path);
  }

  /** A list, row by row as it comes. */
  async *rows(path: string, options: { body?: Row; live?: boolean } = {}): AsyncGenerator<Row> {
    const { body, live = false } = options;
    const waitMs = live ? undefined : ANSWER_MS;
    const answer = await this.#open(body === undefined ? 'GET' : 'POST', path, body, waitMs);
    if (answer.statusCode === 409) throw refusal(409, parseRow(await whole(answer, this.#socket)));
    try {
      for await (const line of linesOf(answer)) yield parseRow(line);
    } catch (error) {
      throw asFault(error, this.#socket);
    } finally {
      answer.destroy();
    }
  }

  /** The bytes of an answer that is no JSON. */
  async *bytes(path: string): AsyncGenerator<Uint8Array> {
    const answer = await this.#open('GET', path, undefined, ANSWER_MS);
    try {
      for await (const chunk of answer) yield bytesOf(chunk);
    } catch (error) {
      throw asFault(error, this.#socket);
    } finally {
      answer.destroy();
    }
  }

  async #one(method: Method, path: string, body?: Row, waitMs = ANSWER_MS): Promise<Row> {
    const answer = await this.#open(method, path, body, waitMs);
    const row = parseRow(await whole(answer, this.#socket));
    if (answer.statusCode === 409 && typeof row['error'] === 'string') throw refusal(409, row);
    return row;
  }

  async #open(method: Method, path: string, body?: Row, waitMs?: number): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, body, waitMs);
    const status = answer.statusCode ?? 0;
    // 409 carries the problems of a reload that was refused.
    if (status < 300 || status === 409) return answer;
    throw refusal(status, parseRow(await whole(answer, this.#socket)));
  }

  #send(method: Method, path: string, body: Row | undefined, waitMs: number | undefined) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        'x-sluice-user': this.#user,
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      };
      const sent = httpRequest({ socketPath: this.#socket, path, method, headers }, resolve);
      sent.once('error', (error) => reject(asFault(error, this.#socket)));
      if (waitMs !== undefined) {
        sent.setTimeout(waitMs, () =>
          sent.destroy(new ControlFault('broken', 'the gateway does not answer')),
        );
      }
      sent.end(payload);
    });
  }
}

function refusal(status: number, { error }: Row): ControlFault {
  const text = typeof error === 'string' ? error : `the gateway answered ${status}`;
  return new ControlFault('refused', text, status);
}

async function whole(answer: IncomingMessage, socket: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      const bytes = bytesOf(chunk);
      size += bytes.length;
      if (size > MAX_ANSWER_BYTES) throw new ControlFault('broken', 'the answer is too long');
      chunks.push(bytes);
    }
  } catch (error) {
    throw asFault(error, socket);
  }
  return Buffer.concat(chunks).toString();
}

function bytesOf(chunk: unknown): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk));
}

function parseRow(line: string): Row {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // falls through: said below
  }
  if (typeof value === 'object' && value !== null) return { ...value };
  throw new ControlFault('broken', 'the gateway gave an answer that is no JSON object');
}

function asFault(error: unknown, socket: string): ControlFault {
  if (error instanceof ControlFault) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new ControlFault('denied', `no permission to open the control socket ${socket}`);
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') {
    return new ControlFault('unreachable', `no gateway is running: nobody answers on ${socket}`);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new ControlFault('broken', 'the gateway closed the connection in the middle');
  }
  return new ControlFault('broken', `the connection to the gateway broke: ${String(error)}`);
}
