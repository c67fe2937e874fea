/**
 * XCLIENT (Postfix, XCLIENT_README): a proxy that is trusted says for whom it speaks. Reads the
 * attributes, strictly, and puts them into the session's view. What a command does not name is not
 * known of the new client: nobody inherits the name or the login of the one before.
 */
import { isIPv4 } from 'node:net';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { isHelloName } from './commands.ts';
import { canonical, isPlainIPv6 } from './proxy-header.ts';

export interface ClientClaim {
  /** Undefined: not spoken of, so it is the one as before; `UNKNOWN_ADDRESS` when it is not known. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly hello?: string;
  readonly login?: string;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

export const XCLIENT_ATTRIBUTES = 'NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT';
/** Belongs to nobody, so it has no account and no right. */
export const UNKNOWN_ADDRESS = '0.0.0.0';

type Draft = { -readonly [K in keyof ClientClaim]: ClientClaim[K] };
/** Puts a value into the draft; false when it is none. Undefined: the proxy does not know it. */
type Taker = (value: string | undefined, draft: Draft) => boolean;

const ATTRIBUTE = /^([A-Z]{1,20})=(.{1,500})$/i;
const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+$/i;
const UNAVAILABLE = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i;
const PORT = /^\d{1,5}$/;
const MAX_LOGIN = 255;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

const TAKERS: ReadonlyMap<string, Taker> = new Map<string, Taker>([
  // Names of addresses are not used here, so nothing hangs on them; the same for PROTO.
  ['NAME', () => true],
  ['PROTO', (value) => value === undefined || /^E?SMTP$/i.test(value)],
  ['ADDR', (value, draft) => (draft.address = addressOf(value)) !== undefined],
  ['PORT', (value, draft) => (draft.port = portOf(value)) !== undefined],
  ['DESTADDR', (value, draft) => (draft.localAddress = addressOf(value)) !== undefined],
  ['DESTPORT', (value, draft) => (draft.localPort = portOf(value)) !== undefined],
  [
    'HELO',
    (value, draft) => {
      if (value !== undefined) draft.hello = value;
      return value === undefined || isHelloName(value);
    },
  ],
  [
    'LOGIN',
    (value, draft) => {
      if (value !== undefined) draft.login = value;
      return (value?.length ?? 0) <= MAX_LOGIN;
    },
  ],
]);

export function parseXclient(
  argument: string,
):
  | { readonly ok: true; readonly claim: ClientClaim }
  | { readonly ok: false; readonly reply: Reply } {
  const draft: Draft = {};
  const seen = new Set<string>();
  if (argument === '') return bad('XCLIENT needs attributes');
  for (const attribute of argument.split(/ +/)) {
    const [, written = '', text = ''] = ATTRIBUTE.exec(attribute) ?? [];
    const name = written.toUpperCase();
    const taker = TAKERS.get(name);
    if (taker === undefined) return bad('Unknown or malformed attribute');
    if (seen.has(name)) return bad(`Attribute ${name} given twice`);
    seen.add(name);
    const value = UNAVAILABLE.test(text) ? undefined : decoded(text);
    if (value === null || !taker(value, draft)) return bad(`Bad value of attribute ${name}`);
  }
  return { ok: true, claim: draft };
}

/** The view of a session that begins anew with the client that was told of. */
export function claimedView(
  view: SessionView,
  { address, port, login, localAddress, localPort }: ClientClaim,
): Pick<SessionView, 'remote' | 'local' | 'via' | 'login' | 'hello'> {
  const { remote, local, via } = view;
  const samePort = address === undefined ? remote.port : 0;
  return {
    remote: { address: address ?? remote.address, port: port ?? samePort },
    local: { address: localAddress ?? local.address, port: localPort ?? local.port },
    via: via ?? remote.address,
    login: login === undefined ? undefined : { user: login, mechanism: 'XCLIENT' },
    hello: undefined,
  };
}

/** Null when it is no xtext, or stands for what must not get into a log. */
function decoded(text: string): string | null {
  if (!XTEXT.test(text)) return null;
  const octets = text.replace(/\+([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const value = Buffer.from(octets, 'latin1').toString('utf8');
  return CONTROL.test(value) || value.includes('\ufffd') ? null : value;
}

function addressOf(value: string | undefined): string | undefined {
  if (value === undefined) return UNKNOWN_ADDRESS;
  if (isIPv4(value)) return value;
  const plain = /^IPV6:(.+)$/i.exec(value)?.[1];
  return plain !== undefined && isPlainIPv6(plain) ? canonical(plain) : undefined;
}

function portOf(value: string | undefined): number | undefined {
  if (value === undefined) return 0;
  return PORT.test(value) && Number(value) <= 65_535 ? Number(value) : undefined;
}

function bad(text: string): { readonly ok: false; readonly reply: Reply } {
  return { ok: false, reply: replies.badArgument(text) };
}
