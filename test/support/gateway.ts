/**
 * The real program for scenarios: writes the given configuration into a folder of its own, starts
 * `sluice start` as a child process, reads its log, and stops it by its id.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorText } from '../../src/base/errors.ts';
import { until } from './until.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

export interface LogLine {
  readonly evt: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

export interface GatewayFiles {
  /** Lines of sluice.yaml beside the ones every scenario shares. */
  readonly node?: string;
  /** Domain files by name, without `.yaml`. */
  readonly domains: Readonly<Record<string, string>>;
  /** `plugins:` of sluice.yaml; none by default. */
  readonly plugins?: string;
  readonly listeners?: string;
  /** `tls:` of sluice.yaml; a self-made certificate by default. */
  readonly tls?: string;
  /** `log:` of sluice.yaml; standard output, level debug, by default. */
  readonly log?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is run in place of the sources of this checkout. */
  readonly program?: string;
  /** Arguments for Node before the program's own, such as an entry that wraps it. */
  readonly nodeArguments?: readonly string[];
}

export interface CliRan {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Gateway {
  readonly folder: string;
  readonly lines: LogLine[] = [];
  /** Standard output beside the log. */
  readonly said: string[] = [];
  stderr = '';
  /** Its log as it was written, of all its lives. */
  log = '';
  exitCode: number | null | undefined;
  #child: ChildProcess | undefined;
  #files: GatewayFiles;
  #rest = '';

  private constructor(folder: string, files: GatewayFiles) {
    this.folder = folder;
    this.#files = files;
  }

  static async make(files: GatewayFiles): Promise<Gateway> {
    const gateway = new Gateway(await mkdtemp(join(tmpdir(), 'sluice-test-')), files);
    await gateway.configure(files);
    return gateway;
  }

  /** Made and started. */
  static async run(files: GatewayFiles): Promise<Gateway> {
    const gateway = await Gateway.make(files);
    await gateway.start();
    return gateway;
  }

  get configFile(): string {
    return join(this.folder, 'sluice.yaml');
  }

  async configure(files: Partial<GatewayFiles>): Promise<void> {
    this.#files = { ...this.#files, ...files };
    const { node, plugins, listeners, tls, log, domains } = this.#files;
    await mkdir(join(this.folder, 'domains'), { recursive: true });
    await writeFile(
      this.configFile,
      [
        'hostname: mx.sluice.test',
        'data: ./data',
        `tls: ${tls ?? '{ self_made: true }'}`,
        'domains: ./domains',
        `listeners: ${listeners ?? '[{ name: mx, address: "127.0.0.1:0", tls: starttls }]'}`,
        'control: { address: "127.0.0.1:0" }',
        `plugins: ${plugins ?? '[]'}`,
        `log: ${log ?? '{ level: debug, file: null }'}`,
        // Scenarios say when: a look at files at the wrong moment would be in their way.
        /^reload:/m.test(node ?? '') ? '' : 'reload: signal',
        node ?? '',
        '',
      ].join('\n'),
    );
    for (const [name, text] of Object.entries(domains)) {
      await writeFile(join(this.folder, 'domains', `${name}.yaml`), text);
    }
  }

  async start(timeoutMs = 60_000, ...nodeArguments: readonly string[]): Promise<void> {
    await this.spawn(nodeArguments);
    await until(
      `gateway ready; stderr: ${this.stderr}`,
      () => {
        if (this.exitCode !== undefined) {
          throw new Error(`gateway ended with ${this.exitCode}: ${this.stderr}\n${this.tail()}`);
        }
        return this.lines.some((line) => line.evt === 'srv.ready');
      },
      timeoutMs,
    );
  }

  // oxlint-disable-next-line require-await -- async for callers, spawn itself does not wait
  async spawn(nodeArguments: readonly string[] = []): Promise<void> {
    this.lines.length = 0;
    this.#rest = '';
    this.exitCode = undefined;
    const { program = MAIN } = this.#files;
    const node = [...(this.#files.nodeArguments ?? []), ...nodeArguments];
    const args = [...node, program, 'start', '-c', this.configFile];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#files.env },
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    child.on('exit', (code) => {
      if (this.#child === child) this.exitCode = code;
    });
  }

  #read(text: string): void {
    this.log += text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('{'))
        this.lines.push(JSON.parse(line) as LogLine); // our own log
      else this.said.push(line);
    }
  }

  /** Port of a listener, from the log. */
  port(listener = 'mx'): number {
    const ready = this.lines.find((line) => line.evt === 'srv.ready');
    const listeners = (ready?.['listeners'] ?? []) as { name: string; port: number }[]; // our log
    const port = listeners.find(({ name }) => name === listener)?.port;
    if (port === undefined) throw new Error(`no listener ${listener} in ${JSON.stringify(ready)}`);
    return port;
  }

  /** Address of the control port, from the log. */
  control(): string {
    const said = this.events('srv.start').map((line) => String(line['msg']));
    const address = /http:\/\/\S+:\d+/.exec(said.join('\n'))?.[0];
    if (address === undefined) throw new Error(`no control port in ${said.join('\n')}`);
    return address;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('gateway is not running');
    return pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async stopped(timeoutMs = 30_000): Promise<number | null> {
    await until('gateway to end', () => this.exitCode !== undefined, timeoutMs);
    return this.exitCode ?? null;
  }

  async stop(): Promise<number | null> {
    if (this.#child === undefined || this.exitCode !== undefined) return this.exitCode ?? null;
    this.signal('SIGTERM');
    return this.stopped();
  }

  async kill(): Promise<void> {
    if (this.exitCode !== undefined) return;
    this.signal('SIGKILL');
    await until('gateway to be killed', () => this.exitCode !== undefined);
  }

  /** Stops it for good and removes its folder. */
  async remove(): Promise<void> {
    await this.stop().catch(() => this.kill());
    await rm(this.folder, { recursive: true, force: true });
  }

  events(evt: string): LogLine[] {
    return this.lines.filter((line) => line.evt === evt);
  }

  event(evt: string, matches: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const found = () => this.events(evt).find((line) => matches(line));
    return until(`log event ${evt}`, found).catch((error: unknown) => {
      // As it ends now, not as it ended when the wait began.
      throw new Error(`${errorText(error)}; log ends with ${this.tail()}`, { cause: error });
    });
  }

  tail(): string {
    return this.lines
      .slice(-15)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  /** What `sluice ...` does with this gateway, without a process of its own: that costs more than it does. */
  async cli(...args: string[]): Promise<CliRan> {
    // Only the tests that need them load all commands.
    const { runInside } = await import('./command.ts');
    const { code, out, err } = await runInside(args, { env: this.#cliEnv() });
    return { code, stdout: out, stderr: err };
  }

  /** The same in a process of its own, for what runs on or is not this checkout. */
  async cliProcess(...args: string[]): Promise<CliRan> {
    const child = spawn(process.execPath, [this.#files.program ?? MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#cliEnv(),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, stdout, stderr };
  }

  #cliEnv(): NodeJS.ProcessEnv {
    return { ...process.env, SLUICE_CONFIG: this.configFile };
  }
}
