/** Whether a scanner answers at an address: one short question, one expected answer, a deadline. */
import { connect } from 'node:net';
import type { Clock } from '../base/clock.ts';

export interface Question {
  readonly request: string;
  readonly reply: RegExp;
}

const MAX_REPLY = 1024;

/** `address` is a socket file or `host:port`; one that is neither does not answer. */
export async function answers(
  address: string,
  question: Question,
  ms: number,
  clock: Clock,
): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (!address.startsWith('/') && (colon < 1 || !(port > 0 && port < 65_536))) return false;
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const socket = connect(address.startsWith('/') ? { path: address } : { host, port });
  const timer = clock.timer(ms, () => socket.destroy());
  const reply = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('connect', () => socket.write(question.request));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.length > MAX_REPLY || question.reply.test(text)) socket.destroy();
    });
    socket.on('error', () => socket.destroy()); // the answer is no; 'close' follows
    socket.on('close', () => resolve(text));
  });
  timer.stop();
  return question.reply.test(reply);
}
