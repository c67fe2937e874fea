/**
 * Tells systemd that the gateway is ready, or what it waits for, when it was started as a service of
 * type `notify` (sd_notify(3)). One that waits counts as started, or it would be ended for its
 * slowness. Node has no datagram sockets of that kind, so systemd's own command does it. When that
 * fails standard error says so, and mail is served all the same.
 */
import { execFile } from 'node:child_process';

const NOTIFY_MS = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

export function tellServiceReady(env: Environment): void {
  tell(env, ['--ready', '--status=']);
}

/** It lives and waits for somebody: `systemctl status` says for what. */
export function tellServiceWaiting(env: Environment, status: string): void {
  tell(env, ['--ready', `--status=${status}`]);
}

function tell(env: Environment, words: readonly string[]): void {
  if (!env['NOTIFY_SOCKET']) return;
  execFile('systemd-notify', words, { timeout: NOTIFY_MS }, (error) => {
    if (error === null) return;
    process.stderr.write(`sluice: cannot tell systemd how it is: ${error.message}\n`);
  });
}
