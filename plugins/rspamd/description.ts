/**
 * What rspamd is told of a message beside its content: the request headers of /checkv2. Values were
 * said by strangers; what could end a header line is gone, and letters beyond ASCII go as UTF-8.
 */
import type { Address, ContentView } from 'sluice-mx/plugin';

export interface Circumstances {
  readonly hostname: string;
  readonly clientName: string | undefined;
  readonly settings: string | undefined;
}

/** rspamd needs no more to judge; its header is bounded. */
const MAX_RECIPIENTS = 100;
const MAX_VALUE = 500;

export function describe(
  view: Omit<ContentView, 'options'>,
  { hostname, clientName, settings }: Circumstances,
): Record<string, string | readonly string[]> {
  const { session, envelope, id, direction, account } = view;
  const user = session.login?.user ?? (direction === 'out' ? account : undefined);
  return {
    IP: session.remote.address,
    Hostname: value(clientName ?? 'unknown'),
    Helo: value(session.hello?.name ?? ''),
    From: envelope.reversePath === null ? '<>' : addressValue(envelope.reversePath),
    Rcpt: envelope.recipients.slice(0, MAX_RECIPIENTS).map(({ address }) => addressValue(address)),
    'Queue-Id': value(id),
    'MTA-Name': value(hostname),
    ...(user === undefined ? {} : { User: value(user) }),
    ...(settings === undefined ? {} : { 'Settings-ID': value(settings) }),
  };
}

function addressValue({ local, domain }: Address): string {
  return value(`${local}@${domain}`);
}

function value(text: string): string {
  const safe = text.replace(/\p{Cc}/gu, '').slice(0, MAX_VALUE);
  return Buffer.from(safe, 'utf8').toString('latin1');
}
