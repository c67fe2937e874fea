/**
 * A daemon on a port of its own that does what a test says with each connection: the stand-in for a
 * scanner that hangs, breaks off or talks rubbish. Remembers what it was sent.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Called for each chunk with all that this connection has sent so far, and whether it has ended. */
export type Behaviour = (socket: Socket, input: Buffer, isEnd: boolean) => void;

export class FakeService {
  behaviour: Behaviour;
  /** What each connection sent, in the order of their arrival. */
  readonly inputs: Buffer[] = [];
  /** Whose client has not closed its side yet, and the most there ever were. */
  open = 0;
  mostOpen = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  static async start(behaviour: Behaviour, port = 0): Promise<FakeService> {
    const service = new FakeService(behaviour);
    await new Promise<void>((resolve) => service.#server.listen(port, '127.0.0.1', resolve));
    return service;
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    const index = this.inputs.push(Buffer.alloc(0)) - 1;
    this.#sockets.add(socket);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    const tell = (chunk: Buffer, isEnd: boolean) => {
      const input = Buffer.concat([this.inputs[index] ?? Buffer.alloc(0), chunk]);
      this.inputs[index] = input;
      this.behaviour(socket, input, isEnd);
    };
    socket.on('data', (chunk: Buffer) => tell(chunk, false));
    let isOpen = true;
    const left = () => {
      if (isOpen) this.open -= 1;
      isOpen = false;
    };
    socket.on('end', () => {
      left();
      tell(Buffer.alloc(0), true);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      left();
      this.#sockets.delete(socket);
    });
  }
}
