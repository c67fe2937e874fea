/**
 * Tells systemd that the gateway is ready, when it was started as a service of type `notify`
 * (sd_notify(3)). Node has no datagram sockets of that kind, so systemd's own command does it. When
 * that fails standard error says so, and mail is served all the same.
 */
import { execFile } from 'node:child_process';

const NOTIFY_MS = 10_000;

export function tellServiceReady(env: Readonly<Record<string, string | undefined>>): void {
  if (!env['NOTIFY_SOCKET']) return;
  execFile('systemd-notify', ['--ready'], { timeout: NOTIFY_MS }, (error) => {
    if (error === null) return;
    process.stderr.write(`sluice: cannot tell systemd that it is ready: ${error.message}\n`);
  });
}
