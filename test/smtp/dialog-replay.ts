/** Plays the client of a dialog against a server and returns the transcript as it really went. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Dialog, Step } from './dialog.ts';

/** Cuts what is sent at once into chunks that are sent one after the other. */
export type Splitter = (bytes: Buffer) => Buffer[];

export const asItIs: Splitter = (bytes) => [bytes];
export const byteByByte: Splitter = (bytes) => [...bytes].map((byte) => Buffer.of(byte));

const DEADLINE_MS = 10_000;

export class DialogClient {
  #socket: Socket;
  #received = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach(socket);
  }

  static async open(port: number): Promise<DialogClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.setNoDelay(true);
    const client = new DialogClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  get received(): string {
    return this.#received;
  }

  async send(bytes: Buffer, split: Splitter): Promise<void> {
    for (const chunk of split(bytes)) {
      if (this.#socket.writable) this.#socket.write(chunk);
      // Two turns of the loop we share with the server: it has read this chunk before the next.
      await turn();
      await turn();
    }
  }

  async secure(): Promise<void> {
    if (this.#closed) throw new Error('closed before the handshake');
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('end');
    this.#socket.removeAllListeners('close');
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#socket = secured;
    this.#attach(secured);
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve);
      secured.once('error', reject);
      secured.once('end', () => reject(new Error('ended in the handshake')));
      secured.once('close', () => reject(new Error('closed in the handshake')));
    });
  }

  fin(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async until(
    what: string,
    condition: (received: string, closed: boolean) => boolean,
  ): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while (!condition(this.#received, this.#closed)) {
      const left = end - Date.now();
      if (left <= 0) throw new Error(`${what}; received so far:\n${this.#received}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #attach(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    const onClosed = () => {
      this.#closed = true;
      this.#wake();
    };
    socket.on('end', onClosed);
    socket.on('close', onClosed);
    socket.on('error', () => undefined);
  }
}

/** What the server said, and how it ended: `<closed>` when it was the server that closed. */
export async function replay(dialog: Dialog, port: number, split: Splitter): Promise<string> {
  const client = await DialogClient.open(port);
  let transcript = '';
  try {
    if (dialog.server === 'implicit') await client.secure();
    let expected = '';
    for (const step of dialog.steps) {
      if (step.kind === 'expect') expected += step.text;
      await play(client, step, expected.length, split);
      if (step.kind === 'closed') transcript = '<closed>';
    }
    client.fin();
    await client.until('server did not close', (_, closed) => closed);
  } finally {
    client.destroy();
  }
  return client.received + transcript;
}

async function play(
  client: DialogClient,
  step: Step,
  expectedLength: number,
  split: Splitter,
): Promise<void> {
  switch (step.kind) {
    case 'send':
      await client.send(step.bytes, step.whole ? asItIs : split);
      break;
    case 'expect':
      // Latin-1 text is as long as its octets; a server that closes early is seen in the transcript.
      await client.until(
        `no answer to be compared with ${JSON.stringify(step.text)}`,
        (received, closed) => closed || received.length >= expectedLength,
      );
      break;
    case 'closed':
      await client.until('server did not close', (_, closed) => closed);
      break;
    case 'tls':
      await client.secure();
      break;
    case 'tls-fails': {
      const secured = await client.secure().then(
        () => true,
        () => false,
      );
      if (secured) throw new Error('the TLS handshake succeeded');
      break;
    }
    case 'fin':
      client.fin();
      break;
    default:
      step satisfies never;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
