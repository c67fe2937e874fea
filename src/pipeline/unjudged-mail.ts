/**
 * What is kept of a message that filters could not judge (`on_error: hold`), and what it needs to be
 * judged when they can: pure functions, from the findings of the session to the record and back.
 */
import type { SessionView } from '../mail/session-view.ts';
import type { Hold } from '../mail/spool-entry.ts';
import type { Unjudged } from '../mail/unjudged.ts';
import { GatheredEvidence } from '../plugin-host/gathered-evidence.ts';
import { isStage } from '../plugin-host/plugin-file.ts';
import type { Findings } from '../plugin-host/run-hooks.ts';
import { checkVerdict } from '../plugin-host/verdict-check.ts';

type Kept = Pick<Hold, 'reason' | 'text' | 'unjudged'>;

/** Of recipients whom nobody could verify while their destination was down. */
export const UNVERIFIED_HOLD = {
  reason: 'outage',
  text: 'recipient could not be verified while its destination was down',
} as const satisfies Kept;

/** Names in the text of a hold; all are in the record. */
const NAMED = 5;

export function unjudgedHold(unjudged: Unjudged): Kept {
  return { reason: 'unjudged', text: waitsFor(unjudged.missing), unjudged };
}

function waitsFor(missing: readonly string[]): string {
  const named = missing.slice(0, NAMED).join(', ');
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  return `not judged yet by ${named}${more}`;
}

export function unjudgedOf(
  { missing, said }: Findings,
  mail: {
    readonly domain: string;
    readonly session: SessionView;
    readonly account: string | undefined;
    readonly identity: string | undefined;
    readonly received: string;
    readonly ownBytes: number;
    readonly fields: string;
    readonly isUnverified: boolean;
  },
): Unjudged {
  const { account, identity, isUnverified, session, ...rest } = mail;
  return {
    ...rest,
    missing,
    said: JSON.stringify(said),
    session: plainSession(session),
    ...(account !== undefined && { account }),
    ...(identity !== undefined && { identity }),
    ...(isUnverified && { isUnverified }),
  };
}

/** Its members alone: a view of a session may be more than that. */
function plainSession(session: SessionView): SessionView {
  const { sid, listener, remote, via, local, openedAt, tls, login, hello } = session;
  return {
    ...{ sid, listener, openedAt },
    remote: { address: remote.address, port: remote.port },
    local: { address: local.address, port: local.port },
    tls: tls && { protocol: tls.protocol, cipher: tls.cipher },
    login: login && { user: login.user, mechanism: login.mechanism },
    hello: hello && { verb: hello.verb, name: hello.name },
    ...(via !== undefined && { via }),
  };
}

/** What was said in the session. Throws when it is none of ours. */
export function evidenceOf({ said }: Pick<Unjudged, 'said'>): GatheredEvidence {
  const evidence = new GatheredEvidence();
  const list: unknown = JSON.parse(said);
  if (!Array.isArray(list)) throw new TypeError('what filters said is no list');
  for (const one of list as readonly unknown[]) {
    const { stage, plugin, service, verdict } = { ...(one as object) } as Record<string, unknown>; // checked below
    if (!isStage(stage) || typeof plugin !== 'string') throw new TypeError('nobody said it');
    if (service !== undefined && service !== 'spam' && service !== 'virus')
      throw new TypeError('said for no service');
    evidence.add({ stage, plugin, service, verdict: checkVerdict(verdict) });
  }
  return evidence;
}
