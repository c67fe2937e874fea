/**
 * The names of a client that lists of domains are asked about: what it said in HELO, the domain of
 * the sender, and what the DNS calls its address. Each once, in the form of the DNS; what is no name,
 * and what is hosted here, is left out.
 */
import type { Dns, MailView } from 'sluice-mx/plugin';
import { dnsName } from '../shared/dns-name.ts';

export type NameKind = 'helo' | 'sender' | 'ptr';

/** Who controls an address may give it any number of names. */
const MAX_PTR = 3;

export async function namesOf(
  view: MailView,
  wanted: ReadonlySet<string>,
  dns: Pick<Dns, 'ptr'>,
): Promise<readonly { readonly kind: NameKind; readonly name: string }[]> {
  const { session, envelope } = view;
  const found = wanted.has('ptr') ? await dns.ptr(session.remote.address) : undefined;
  const given: readonly (readonly [NameKind, string | undefined])[] = [
    ['helo', session.hello?.name],
    ['sender', envelope.reversePath?.domain],
    ...(found?.kind === 'found' ? found.records : [])
      .slice(0, MAX_PTR)
      .map((name) => ['ptr', name] as const),
  ];
  return given.flatMap(([kind, text = '']) => {
    const name = dnsName(text);
    if (name === undefined || !wanted.has(kind) || view.isHosted(name)) return [];
    return [{ kind, name }];
  });
}
