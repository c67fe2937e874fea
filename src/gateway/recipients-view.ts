/** The recipient memory and the verification as the control port sees them. */
import type { RecipientsView } from '../control/gateway-view.ts';
import type { Domain } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import { formatReply, isPermanent, replies } from '../mail/reply.ts';
import type { Generation } from '../pipeline/generation.ts';
import { authorityOf, keyOf } from '../pipeline/recipient-lessons.ts';
import type { RecipientMemory } from '../pipeline/recipient-memory.ts';
import type { RecipientVerifier } from '../pipeline/recipients.ts';
import { routeInbound } from '../pipeline/relay-policy.ts';
import { serverTexts } from './destination-view.ts';

export interface RecipientParts {
  readonly generation: () => Generation;
  readonly memory: RecipientMemory;
  readonly verifier: RecipientVerifier;
}

export function recipientsView(parts: RecipientParts): RecipientsView {
  const { memory } = parts;
  /** `dests` are those who may know the address, in the order in which they are asked. */
  const hosted = (
    address: Address,
  ): { domain: Domain; dests: readonly string[]; key: string } | undefined => {
    const domain = parts.generation().directory.find(address.domain);
    if (domain === undefined) return undefined;
    const dests = (domain.split ?? [domain]).map(authorityOf);
    return { domain, dests, key: keyOf(domain, address) };
  };
  const recall = async (dests: readonly string[], key: string) => {
    const home = await memory.recallHome(dests, key);
    if (home !== undefined) return home;
    for (const dest of dests) {
      const remembered = await memory.recall(dest, key);
      if (remembered !== undefined) return remembered;
    }
    return undefined;
  };
  /** Where the memory counts: other domains know their recipients from elsewhere. */
  const asked = (address: Address) => {
    const found = hosted(address);
    if (found === undefined) return 'not-hosted';
    const { kind } = found.domain.recipients;
    return kind === 'callout' || kind === 'ldap' ? found : 'not-asked';
  };
  return {
    async *list() {
      const { directory } = parts.generation();
      for await (const { recipient, ...rest } of memory.entries()) {
        const domain = directory.find(recipient.slice(recipient.lastIndexOf('@') + 1));
        const isSplit = domain?.split !== undefined;
        yield { address: recipient, ...rest, ...(isSplit && { server: rest.destination }) };
      }
    },
    show: async (address) => {
      const found = hosted(address);
      if (found === undefined) return undefined;
      const remembered = await recall(found.dests, found.key);
      return remembered && { address: found.key, ...remembered };
    },
    pin: async (address, answer, server) => {
      const found = asked(address);
      if (typeof found === 'string') return found;
      const { dests, key } = found;
      const named = server === undefined ? dests : dests.filter((dest) => dest.includes(server));
      // Who stays where he is known needs no name; otherwise it must be clear which one is meant.
      const home = server === undefined ? await memory.recallHome(dests, key) : undefined;
      const isClear = named.length === 1 || answer === 'unknown' || home?.answer === 'known';
      const dest = home?.destination ?? named[0];
      if (dest === undefined || !isClear) return 'which-server';
      await memory.remember(dest, key, answer, 'pinned');
      return 'pinned';
    },
    learn: async (address, server) => {
      const found = asked(address);
      if (typeof found === 'string') return { result: found };
      const { dests, key } = found;
      const isSplit = dests.length > 1;
      // It must be said which server of a split domain knows him.
      const dest = isSplit ? dests.find((one) => one === server) : dests[0];
      if (dest === undefined) return { result: 'which-server' };
      const isServerNeedless = server !== undefined && server !== dest;
      return { result: await memory.learn(dest, key, 'imported'), key, isServerNeedless };
    },
    forget: async (address) => {
      const found = hosted(address);
      const key = found?.key ?? formatAddress(address);
      let isForgotten = false;
      for (const dest of found?.dests ?? [''])
        isForgotten = (await memory.forget(dest, key)) || isForgotten;
      return isForgotten;
    },
    test: async (address) => {
      const { directory, settings } = parts.generation();
      const route = routeInbound(directory, settings.hostname, address);
      if (route.kind === 'denied') {
        const reply = formatReply(replies.relayDenied()).trimEnd();
        return {
          domain: undefined,
          destination: undefined,
          result: 'rejected',
          source: 'relay policy',
          reply,
        };
      }
      const { domain } = route;
      const question = { address: route.address, reversePath: null, standing: 'good' } as const;
      const verification = await parts.verifier.verify(domain, question);
      const refused = verification.kind === 'refused' ? verification.reply : undefined;
      return {
        domain: domain.name,
        destination: serverTexts(
          (verification.kind === 'known' ? verification.route : undefined) ?? domain,
        ),
        result:
          refused === undefined ? 'accepted' : isPermanent(refused) ? 'rejected' : 'tempfailed',
        source:
          verification.kind === 'unverified' ? `outage: ${verification.then}` : verification.source,
        reply: formatReply(refused ?? replies.recipientOk()).trimEnd(),
      };
    },
  };
}
