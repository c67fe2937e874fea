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
import { hostTexts } from './destination-view.ts';

export interface RecipientParts {
  readonly generation: () => Generation;
  readonly memory: RecipientMemory;
  readonly verifier: RecipientVerifier;
}

export function recipientsView(parts: RecipientParts): RecipientsView {
  const { memory } = parts;
  const hosted = (address: Address): { domain: Domain; dest: string; key: string } | undefined => {
    const domain = parts.generation().directory.find(address.domain);
    return domain && { domain, dest: authorityOf(domain), key: keyOf(domain, address) };
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
      for await (const { recipient, ...rest } of memory.entries()) {
        yield { address: recipient, ...rest };
      }
    },
    show: async (address) => {
      const found = hosted(address);
      if (found === undefined) return undefined;
      const remembered = await memory.recall(found.dest, found.key);
      return remembered && { address: found.key, ...remembered };
    },
    pin: async (address, answer) => {
      const found = asked(address);
      if (typeof found === 'string') return found;
      await memory.remember(found.dest, found.key, answer, 'pinned');
      return 'pinned';
    },
    learn: async (address) => {
      const found = asked(address);
      if (typeof found === 'string') return found;
      return memory.learn(found.dest, found.key, 'imported');
    },
    forget: async (address) => {
      const found = hosted(address);
      return memory.forget(found?.dest ?? '', found?.key ?? formatAddress(address));
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
      const verification = await parts.verifier.verify(domain, route.address, null, 'good');
      const refused = verification.kind === 'refused' ? verification.reply : undefined;
      return {
        domain: domain.name,
        destination: hostTexts(domain.destination).join(', '),
        result:
          refused === undefined ? 'accepted' : isPermanent(refused) ? 'rejected' : 'tempfailed',
        source:
          verification.kind === 'unverified' ? `outage: ${verification.then}` : verification.source,
        reply: formatReply(refused ?? replies.recipientOk()).trimEnd(),
      };
    },
  };
}
