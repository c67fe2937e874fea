/** What the gateway says once it is ready: for people in the first lines, for scripts in `srv.ready`. */
import type { Log } from '../base/log.ts';
import { addressText } from '../config/config.ts';
import type { ListenerView, ScannerView } from '../control/gateway-view.ts';

export interface Announcement {
  readonly version: string;
  readonly configFile: string;
  readonly listeners: readonly ListenerView[];
  readonly control: { readonly host: string; readonly port: number } | undefined;
  readonly domains: readonly string[];
  readonly scanners: readonly ScannerView[];
}

/** So many are named; the rest is counted. */
const NAMED_DOMAINS = 20;

/** Writes them to the log and returns them. */
export function announce(log: Log, facts: Announcement): readonly string[] {
  const { version, configFile, listeners, control, domains, scanners } = facts;
  const smtp = listeners
    .map((listener) => `${listener.name} on ${addressText(listener)}`)
    .join(', ');
  const named = domains.slice(0, NAMED_DOMAINS).join(', ');
  const more = domains.length > NAMED_DOMAINS ? ` and ${domains.length - NAMED_DOMAINS} more` : '';
  const states = scanners.map(({ name, up, text }) =>
    up ? `${name} answers (${text})` : `${name} DOES NOT ANSWER (${text})`,
  );
  const lines = [`SMTP: ${smtp}`];
  if (control !== undefined) {
    const at = addressText({ address: control.host, port: control.port });
    lines.push(
      `health and metrics: http://${at}/livez /readyz /metrics; there is no panel in this version`,
    );
  }
  lines.push(`domains served: ${domains.length === 0 ? 'none' : named + more}`);
  lines.push(`scanners: ${states.length === 0 ? 'none configured' : states.join('; ')}`);
  lines.forEach((msg, index) => {
    log.emit('srv.start', { ...(index === 0 && { version, config: configFile }), msg });
  });
  log.emit('srv.ready', { listeners, domains: domains.length });
  return lines;
}
