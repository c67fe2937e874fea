/**
 * One SMTP session for `sluice test-message`, lock-step and on purpose independent of the gateway's
 * own client: it shows what any other server would see. Prints each line as swaks does, `->` for
 * ours and `<-` for theirs. Every wait has a deadline, every reply a bound.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { printable } from './terminal.ts';

export interface TestMail {
  readonly hello: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Lines ended by CRLF, dots not yet stuffed. */
  readonly content: string;
}

export type DialogEnd = 'accepted' | 'refused' | 'put-off' | 'no-answer';

const WAIT_MS = 90_000;
const MAX_REPLY_CHARS = 64 * 1024;

export async function sendTestMail(
  at: {
    readonly host: string;
    readonly port: number;
    /** One of this machine's, to come from. */
    readonly localAddress?: string;
  },
  mail: TestMail,
  print: (line: string) => Promise<void>,
): Promise<DialogEnd> {
  await print(`=== connecting to ${at.host}:${at.port}`);
  const socket = connect(at);
  socket.setTimeout(WAIT_MS, () => socket.destroy(new Error(`silent for ${WAIT_MS / 1000} s`)));
  const dialog = new Dialog(socket, print);
  try {
    return await speak(dialog, mail);
  } catch (error) {
    await print(`*** ${printable(error instanceof Error ? error.message : String(error))}`);
    return 'no-answer';
  } finally {
    socket.destroy();
  }
}

async function speak(dialog: Dialog, mail: TestMail): Promise<DialogEnd> {
  const steps = [
    undefined, // the greeting
    `EHLO ${mail.hello}`,
    `MAIL FROM:<${mail.from}>`,
    ...mail.to.map((address) => `RCPT TO:<${address}>`),
    'DATA',
  ];
  let end: DialogEnd = 'accepted';
  for (const step of steps) {
    const code = await dialog.say(step);
    // One refused recipient of several does not end it: DATA tells.
    if (code < 400) continue;
    end = meaningOf(code);
    if (step?.startsWith('RCPT') !== true || mail.to.length === 1) break;
  }
  if (dialog.lastCode === 354) {
    const content = meaningOf(await dialog.sendContent(mail.content));
    // Taken for some is not taken for all.
    if (content !== 'accepted') end = content;
  }
  await dialog.say('QUIT');
  return end;
}

function meaningOf(code: number): DialogEnd {
  return code < 400 ? 'accepted' : code < 500 ? 'put-off' : 'refused';
}

class Dialog {
  readonly #socket: Socket;
  readonly #print: (line: string) => Promise<void>;
  readonly #lines: AsyncIterator<string>;
  lastCode = 0;

  constructor(socket: Socket, print: (line: string) => Promise<void>) {
    this.#socket = socket;
    this.#print = print;
    this.#lines = replyLines(socket);
  }

  async say(command: string | undefined): Promise<number> {
    if (command !== undefined) {
      await this.#print(` -> ${printable(command)}`);
      this.#socket.write(`${command}\r\n`);
    }
    return this.#reply();
  }

  async sendContent(content: string): Promise<number> {
    const lines = content.replace(/\r\n$/, '').split('\r\n');
    for (const line of lines) await this.#print(` -> ${printable(line)}`);
    await this.#print(' -> .');
    const stuffed = lines.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`);
    this.#socket.write(`${stuffed.join('')}.\r\n`);
    return this.#reply();
  }

  async #reply(): Promise<number> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) throw new Error('the connection was closed');
      const code = Number(value.slice(0, 3));
      const isRefusal = code >= 400 || Number.isNaN(code);
      await this.#print(`${isRefusal ? '<**' : '<- '} ${printable(value)}`);
      if (Number.isNaN(code)) throw new Error('that is no SMTP reply');
      this.lastCode = code;
      if (value[3] !== '-') return code;
    }
  }
}

async function* replyLines(socket: Socket): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of socket) {
    const lines = (rest + String(chunk)).split('\r\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_REPLY_CHARS) throw new Error('endless reply line');
    yield* lines;
  }
}
