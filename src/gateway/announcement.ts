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

export function announce(log: Log, facts: Announcement): void {
  const { version, configFile, listeners, control, domains, scanners } = facts;
  const smtp = listeners
    .map((listener) => `${listener.name} on ${addressText(listener)}`)
    .join(', ');
  const named = domains.slice(0, NAMED_DOMAINS).join(', ');
  const more = domains.length > NAMED_DOMAINS ? ` and ${domains.length - NAMED_DOMAINS} more` : '';
  const states = scanners.map(({ name, up, text }) =>
    up ? `${name} answers (${text})` : `${name} DOES NOT ANSWER (${text})`,
  );
  const say = (msg: string) => log.emit('srv.start', { msg });
  log.emit('srv.start', { version, config: configFile, msg: `SMTP: ${smtp}` });
  if (control !== undefined) {
    const at = addressText({ address: control.host, port: control.port });
    say(
      `health and metrics: http://${at}/livez /readyz /metrics; there is no panel in this version`,
    );
  }
  say(`domains served: ${domains.length === 0 ? 'none' : named + more}`);
  say(`scanners: ${states.length === 0 ? 'none configured' : states.join('; ')}`);
  log.emit('srv.ready', { listeners, domains: domains.length });
}
