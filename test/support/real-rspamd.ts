/**
 * A real rspamd for tests, in a folder of its own: what is built into it (GTUBE, Bayes), none of the
 * system's rules and a few top-level domains instead of all, each of which takes ten seconds and more
 * to load, and no questions to any network.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findProgram } from '../../src/scanners/scanner-plan.ts';
import { isRoot } from '../../src/scanners/system-user.ts';
import { until } from './until.ts';

export interface RealRspamd {
  /** Of the worker that judges, and of the one that learns. */
  readonly normal: string;
  readonly controller: string;
  readonly password: string;
  /** How many messages it has learnt. */
  learnt(): Promise<number>;
  stop(): Promise<void>;
}

export function missingRspamd(): string | undefined {
  return findProgram('rspamd') === undefined ? 'rspamd' : undefined;
}

const PASSWORD = 'learn-0nly';

export async function startRealRspamd(): Promise<RealRspamd> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rspamd-'));
  chmodSync(folder, 0o777); // rspamd gives up root
  mkdirSync(join(folder, 'db'));
  chmodSync(join(folder, 'db'), 0o777);
  const normal = join(folder, 'normal.sock');
  const controller = join(folder, 'controller.sock');
  const file = join(folder, 'rspamd.conf');
  writeFileSync(file, configuration({ folder, normal, controller }));
  writeFileSync(join(folder, 'tlds'), 'test\nexample\norg\n');
  const user = isRoot() ? ['-u', '_rspamd', '-g', '_rspamd'] : [];
  let daemon: ChildProcess;
  let gone: Promise<unknown>;
  const stopDaemon = async () => {
    daemon.kill('SIGTERM');
    await gone;
  };
  const stop = async () => {
    await stopDaemon();
    rmSync(folder, { recursive: true, force: true });
  };
  const started = async () => {
    daemon = spawn('rspamd', ['-f', ...user, '-c', file], { stdio: 'ignore' });
    gone = new Promise((resolve) => daemon.once('exit', resolve));
    await until('rspamd answers', () => answers(normal), 20_000);
    await until('its controller answers', () => answers(controller), 20_000);
  };
  try {
    await started();
    // Its workers make the same files: one that comes too early has no statistics all its life.
    for (let more = 3; more > 0 && !(await mayLearn(controller)); more--) {
      await stopDaemon();
      await started();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const learnt = async () => {
    const stat = await asked(controller, '/stat');
    return Number(/"learned":(\d+)/.exec(stat ?? '')?.[1]);
  };
  return { normal, controller, password: PASSWORD, learnt, stop };
}

async function mayLearn(controller: string): Promise<boolean> {
  const stat = await asked(controller, '/stat');
  return ['BAYES_HAM', 'BAYES_SPAM'].every((symbol) => stat?.includes(symbol));
}

async function answers(socketPath: string): Promise<boolean> {
  return (await asked(socketPath, '/ping')) !== undefined;
}

/** The body of a 200. */
function asked(socketPath: string, path: string): Promise<string | undefined> {
  const headers = { Password: PASSWORD };
  return new Promise((resolve) => {
    const question = request({ socketPath, path, headers, agent: false }, (response) => {
      const isGood = response.statusCode === 200;
      text(response).then(
        (body) => resolve(isGood ? body : undefined),
        () => resolve(undefined),
      );
    });
    question.on('error', () => resolve(undefined));
    question.end();
  });
}

interface Places {
  readonly folder: string;
  readonly normal: string;
  readonly controller: string;
}

function configuration({ folder, normal, controller }: Places): string {
  const statfile = (symbol: string, name: string, spam: boolean) =>
    `  statfile { symbol = "${symbol}"; path = "${folder}/db/${name}.sqlite"; spam = ${spam}; }`;
  return `
options {
  pidfile = "${folder}/db/pid";
  tempdir = "${folder}/db";
  url_tld = "${folder}/tlds";
  disable_hyperscan = true;
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "error"; }
metric "default" {
  actions { reject = 15; add_header = 6; }
  group "statistics" {
    symbol "BAYES_SPAM" { weight = 5.0; }
    symbol "BAYES_HAM" { weight = -3.0; }
  }
}
worker "normal" { bind_socket = "${normal} mode=0666"; count = 1; }
worker "controller" {
  bind_socket = "${controller} mode=0666";
  count = 1;
  password = "${PASSWORD}";
  enable_password = "${PASSWORD}";
}
classifier "bayes" {
  tokenizer { name = "osb"; }
  backend = "sqlite3";
  cache { path = "${folder}/db/learnt.sqlite"; }
  min_tokens = 3;
  min_learns = 1;
${statfile('BAYES_HAM', 'ham', false)}
${statfile('BAYES_SPAM', 'spam', true)}
}
`;
}
