/**
 * One SMTP session for `sluice test-message`, lock-step and on purpose independent of the gateway's
 * own client: it shows what any other server would see. Prints each line as swaks does, `->` for
 * ours and `<-` for theirs. TLS is used where it is offered (RFC 3207), whatever the certificate is
 * worth, which is told. Every wait has a deadline, every reply a bound.
 */
import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorText } from '../base/errors.ts';
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
  const dialog = new Dialog(connect(at), at.host, print);
  try {
    return await speak(dialog, mail);
  } catch (error) {
    await print(`*** ${printable(errorText(error))}`);
    return 'no-answer';
  } finally {
    dialog.end();
  }
}

async function speak(dialog: Dialog, mail: TestMail): Promise<DialogEnd> {
  const hello = `EHLO ${mail.hello}`;
  const steps = [
    undefined, // the greeting
    hello,
    `MAIL FROM:<${mail.from}>`,
    ...mail.to.map((address) => `RCPT TO:<${address}>`),
    'DATA',
  ];
  let end: DialogEnd = 'accepted';
  for (const step of steps) {
    let code = await dialog.say(step);
    if (step === hello && dialog.offersTls && (await dialog.say('STARTTLS')) === 220) {
      await dialog.startTls();
      code = await dialog.say(hello);
    }
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
  readonly #host: string;
  readonly #print: (line: string) => Promise<void>;
  #socket: Socket;
  #lines: AsyncGenerator<string>;
  lastCode = 0;
  /** In the last reply. */
  offersTls = false;

  constructor(socket: Socket, host: string, print: (line: string) => Promise<void>) {
    this.#host = host;
    this.#print = print;
    this.#socket = withDeadline(socket);
    this.#lines = replyLines(socket);
  }

  /** What came before the handshake and was not asked for counts for nothing (RFC 3207 4.2). */
  async startTls(): Promise<void> {
    await this.#lines.return(undefined);
    const plain = this.#socket.setTimeout(0);
    const secure = connectTls({
      socket: plain,
      rejectUnauthorized: false,
      ...(isIP(this.#host) === 0 && { servername: this.#host }),
    });
    this.#socket = withDeadline(secure);
    this.#lines = replyLines(secure);
    await once(secure, 'secureConnect');
    const { authorizationError: fault } = secure;
    const proven = secure.authorized ? 'proven' : `not proven (${errorText(fault)})`;
    await this.#print(
      printable(`=== ${secure.getProtocol()} ${secure.getCipher().name}; certificate ${proven}`),
    );
  }

  end(): void {
    this.#socket.destroy();
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
    this.offersTls = false;
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) throw new Error('the connection was closed');
      const code = Number(value.slice(0, 3));
      const isRefusal = code >= 400 || Number.isNaN(code);
      await this.#print(`${isRefusal ? '<**' : '<- '} ${printable(value)}`);
      if (Number.isNaN(code)) throw new Error('that is no SMTP reply');
      this.lastCode = code;
      this.offersTls ||= /^\d{3}[- ]STARTTLS\s*$/i.test(value);
      if (value[3] !== '-') return code;
    }
  }
}

function withDeadline(socket: Socket): Socket {
  return socket.setTimeout(WAIT_MS, () =>
    socket.destroy(new Error(`silent for ${WAIT_MS / 1000} s`)),
  );
}

/** Whose end leaves the socket open. */
async function* replyLines(socket: Socket): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    const lines = (rest + String(chunk)).split('\r\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_REPLY_CHARS) throw new Error('endless reply line');
    yield* lines;
  }
}
