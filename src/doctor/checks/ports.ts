/** Ports, and the certificate that is shown on them. */
import { join } from 'node:path';
import { stat } from 'node:fs/promises';
import { systemText } from '../../config/text-file.ts';
import { readCertificate } from '../facts/certificate.ts';
import { greetingOf, tryPort } from '../facts/port.ts';
import type { Finding } from '../finding.ts';
import { pass, unsure } from '../finding.ts';
import type { Installation } from '../installation.ts';
import { judgeCertificate } from '../judge/certificate.ts';
import { judgeFreePort, judgeOpenPort } from '../judge/ports.ts';
import type { Check } from '../rounds.ts';

export function portChecks({ config, running, clock }: Installation): Check[] {
  const ports = config.listeners.map((listener): Check => {
    const about = `port ${listener.port} (${listener.name})`;
    const look = async (): Promise<Finding[]> => {
      if (running.kind !== 'running')
        return [judgeFreePort(about, listener, await tryPort(listener), running.kind === 'none')];
      const { name, port, tls, proxyProtocol } = listener;
      const bound = running.listeners.find(
        (each) => each.name === name && (port === 0 || each.port === port),
      );
      const greets = bound !== undefined && tls !== 'implicit' && proxyProtocol.length === 0;
      const greeting = greets ? await greetingOf(bound, clock) : undefined;
      return [judgeOpenPort(about, bound ?? listener, bound !== undefined, greeting)];
    };
    return { group: 'ports', about, look };
  });
  if (running.kind === 'running') return ports;
  const { control } = config;
  const about = `port ${control.port} (control)`;
  const look = async () => [
    judgeFreePort(about, control, await tryPort(control), running.kind === 'none'),
  ];
  return [...ports, { group: 'ports', about, look }];
}

export function certificateCheck(installation: Installation): Check[] {
  const { config, data, clock } = installation;
  if (config.listeners.every(({ tls }) => tls === 'off')) return [];
  const look = async (): Promise<readonly Finding[]> => {
    const { tls, hostname, listeners } = config;
    const files =
      tls === undefined
        ? {
            cert: join(data, 'tls', 'self-made.cert.pem'),
            key: join(data, 'tls', 'self-made.key.pem'),
          }
        : { cert: tls.certFile, key: tls.keyFile };
    const fault = await stat(files.cert).then(
      () => undefined,
      (error: unknown) => systemText(error),
    );
    if (tls === undefined && fault === 'no such file')
      return [pass('certificate', 'not there yet; the gateway makes one')];
    if (fault === 'permission denied')
      return [unsure('certificate', `${files.cert}: ${fault}`, 'ask as root')];
    return judgeCertificate(await readCertificate(files, hostname), {
      hostname,
      now: clock.now(),
      isSelfMade: tls === undefined,
      hasLogins: listeners.some(({ auth }) => auth !== 'off'),
      keyFile: files.key,
    });
  };
  return [{ group: 'tls', about: 'certificate', look }];
}
