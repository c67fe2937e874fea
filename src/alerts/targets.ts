/**
 * The ways in which people hear of an alert: a request to a web address, a program, a mail. Each has a
 * deadline; what a web server answers is not read and a redirect is not followed; a program runs
 * without a shell, gets the alert on its standard input, and ends with all that it started when its
 * time is over. A failure is an answer, never a surprise.
 */
import { spawn } from 'node:child_process';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/errors.ts';
import { httpRequest } from '../base/http-request.ts';
import type { OwnMail } from '../delivery/own-mail.ts';
import { parseAddress } from '../mail/address.ts';

export interface Message {
  readonly v: 1;
  readonly kind: 'alert';
  /** `destination_down`, ... or `test`. */
  readonly alert: string;
  readonly state: 'raised' | 'reminder' | 'cleared' | 'test';
  readonly subject: string;
  readonly text: string;
  /** ISO 8601. */
  readonly since: string;
  readonly at: string;
  /** The gateway's own name. */
  readonly node: string;
}

/** Undefined when it was taken, else why not. */
export type Sent = string | undefined;

export interface Target {
  readonly name: 'webhook' | 'command' | 'mail';
  send(message: Message, signal?: AbortSignal): Promise<Sent>;
}

const WEBHOOK_MS = 10_000;
const COMMAND_MS = 30_000;
/** A program needs no more to find others; nothing of our own environment is for it. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function webhook(url: string, clock: Clock): Target {
  const send = (message: Message, signal: AbortSignal) =>
    new Promise<Sent>((resolve, reject) => {
      const body = JSON.stringify(message);
      const request = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest;
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const sent = request(url, { method: 'POST', headers, signal, agent: false }, (answer) => {
        const { statusCode = 0 } = answer;
        answer.destroy();
        resolve(statusCode >= 200 && statusCode < 300 ? undefined : `answered ${statusCode}`);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    name: 'webhook',
    send: (message, outer) => attempt(clock, WEBHOOK_MS, (signal) => send(message, signal), outer),
  };
}

export function command(argv: readonly string[], clock: Clock): Target {
  const [program = '', ...args] = argv;
  const send = (message: Message, signal: AbortSignal) =>
    new Promise<Sent>((resolve, reject) => {
      const env = { PATH, SLUICE_ALERT: message.alert, SLUICE_STATE: message.state };
      const stdio: ['pipe', 'ignore', 'ignore'] = ['pipe', 'ignore', 'ignore'];
      // A process group of its own, so that what it started ends with it.
      const child = spawn(program, args, { env, stdio, detached: true });
      const endGroup = () => killGroup(child.pid);
      signal.addEventListener('abort', endGroup, { once: true });
      // An error may come after the end as well; without a listener it would end us.
      child.on('error', reject);
      child.once('close', (code, killedBy) => {
        signal.removeEventListener('abort', endGroup);
        resolve(code === 0 ? undefined : `ended with ${code ?? killedBy ?? 'nothing'}`);
      });
      // A program that does not read is no fault.
      child.stdin.on('error', () => undefined);
      child.stdin.end(`${JSON.stringify(message)}\n`);
    });
  return {
    name: 'command',
    send: (message, outer) => attempt(clock, COMMAND_MS, (signal) => send(message, signal), outer),
  };
}

/** Nothing to do when the program could not be started, or is gone. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // ESRCH: all of them have ended.
  }
}

export function mail(address: string, own: Pick<OwnMail, 'send'>): Target {
  return {
    name: 'mail',
    async send(message) {
      const to = parseAddress(address);
      if (!to.ok) return to.problem;
      const { alert, state, subject, text, since, node } = message;
      const about = subject === '' ? '' : ` ${subject}`;
      const lines = [
        text,
        '',
        `state:   ${state}`,
        `alert:   ${alert}${about}`,
        `since:   ${since}`,
        `gateway: ${node}`,
      ];
      try {
        const notice = { to: to.value, subject: `[${node}] ${state}: ${alert}${about}`, lines };
        return (await own.send(notice)) ? undefined : 'no room in the queue';
      } catch (error) {
        return errorText(error);
      }
    },
  };
}

async function attempt(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<Sent>,
  outer: AbortSignal | undefined,
): Promise<Sent> {
  try {
    return await withDeadline(clock, ms, 'alert', work, outer);
  } catch (error) {
    return errorText(error);
  }
}
