/** The server side of SMTP alone, on a port of the system's choice, with a recording program behind. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createIds } from '../../src/base/ids.ts';
import { SmtpListener } from '../../src/smtp/listener.ts';
import type { ListenerSettings } from '../../src/smtp/listener.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../src/smtp/session-settings.ts';
import type { SessionLimits, SessionTimeouts } from '../../src/smtp/session-settings.ts';
import { TlsContexts } from '../../src/smtp/tls-contexts.ts';
import { RecordedLog } from './recorded-log.ts';
import { RecordingProgram } from './recording-program.ts';
import { SELF_SIGNED } from './self-signed.ts';

export interface ServerSpec {
  readonly tls?: 'starttls' | 'implicit' | 'off';
  readonly auth?: boolean;
  /** Clients may speak for others. */
  readonly xclient?: boolean;
  readonly limits?: Partial<SessionLimits>;
  readonly timeouts?: Partial<SessionTimeouts>;
  readonly connections?: number;
  readonly connectionsPerClient?: number;
  /** Connections begin with a PROXY header. */
  readonly proxied?: boolean;
  readonly clock?: Clock;
}

export interface RunningServer {
  readonly port: number;
  readonly listener: SmtpListener;
  readonly program: RecordingProgram;
  readonly log: RecordedLog;
  readonly settings: ListenerSettings;
  stop(graceMs?: number): Promise<void>;
}

export async function loadTestContexts(): Promise<TlsContexts> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
  try {
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(files.cert, SELF_SIGNED.cert);
    await writeFile(files.key, SELF_SIGNED.key);
    const contexts = new TlsContexts({ folder, clock: systemClock });
    await contexts.load('mx.test', files);
    return contexts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function startServer(
  contexts: TlsContexts,
  spec: ServerSpec = {},
): Promise<RunningServer> {
  const program = new RecordingProgram();
  const log = new RecordedLog();
  const clock = spec.clock ?? systemClock;
  const settings: ListenerSettings = {
    hostname: 'mx.test',
    auth: spec.auth === true ? 'over-tls' : 'never',
    mayXclient: () => spec.xclient ?? false,
    limits: { ...DEFAULT_LIMITS, ...spec.limits },
    timeouts: { ...DEFAULT_TIMEOUTS, ...spec.timeouts },
    connections: spec.connections ?? 100,
    connectionsPerClient: spec.connectionsPerClient ?? 100,
    isProxy: () => spec.proxied ?? false,
  };
  const listener = new SmtpListener({
    name: 'mx',
    address: '127.0.0.1',
    port: 0,
    tls: spec.tls ?? 'starttls',
    contexts,
    settings,
    clock,
    ids: createIds(clock),
    log,
    begin: program.begin,
  });
  const { port } = await listener.start();
  const stop = (graceMs = 0) => listener.stop(graceMs);
  return { port, listener, program, log, settings, stop };
}
