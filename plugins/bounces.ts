/**
 * bounces: tells bounces of mail that was never sent from here.
 *
 * Whoever forges your addresses has the bounces sent to you. This plugin keeps in mind which addresses
 * have sent mail out through this gateway, for 60 days; mail without a sender (a bounce, an automatic
 * reply) to an address that has not is refused before its content (`bounce`), or gets points. Tags of
 * BATV (`prvs=...=anna@example.org`) are looked through, on both ways.
 *
 * It is of use only for domains that send all their mail through this gateway, so `unsent` is `off`
 * until a domain's file turns it on. From the first mail that it sees it only looks on for the time of
 * `learning`, for bounces of what was sent before may be under way. Questions about recipients (MAIL
 * and RCPT without content) are answered as ever.
 */
import { createHash } from 'node:crypto';
import type { DataView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { ON_ERROR } from './shared/on-error.ts';

const OPTIONS = {
  unsent: {
    type: 'action',
    default: 'off',
    doc: 'Mail without a sender to an address that has sent none.',
  },
  learning: { type: 'duration', default: '7d', doc: 'How long it only looks on at first.' },
  always_taken: {
    type: 'strings',
    default: ['postmaster', 'abuse'],
    doc: 'Local parts of recipients whose mail is not looked at.',
  },
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

type View = DataView<typeof OPTIONS>;
type Address = View['envelope']['recipients'][number]['address'];

const DAY_MS = 86_400_000;
const SENDERS = { ttl: 60 * DAY_MS, max: 500_000 };
/** Since when it looks on, and when a sender had no room last. */
const BEGINNING = { ttl: 400 * DAY_MS, max: 2 };
/** Written anew when it is so old, long before it would be forgotten. */
const RENEWED_MS = 100 * DAY_MS;

export default {
  name: 'bounces',
  options: OPTIONS,
  setup(host, { learning: atFirst }) {
    const senders = host.book('senders', SENDERS);
    const beginning = host.book('beginning', BEGINNING);
    let renewedAt = 0;

    const learn = async (sender: Address): Promise<void> => {
      const key = keyOf(sender);
      const now = host.now();
      const at = await senders.get(key);
      if (at !== undefined && now - Number(at) < DAY_MS) return;
      if (!(await senders.put(key, String(now)))) await beginning.put('full', String(now));
    };

    /** A sender had no room: the book does not know all, and nobody is refused by it. */
    const lacksSome = async (): Promise<boolean> => {
      const at = await beginning.get('full');
      return at !== undefined && host.now() - Number(at) < SENDERS.ttl;
    };

    /** Since when it has looked on, in ms. */
    const age = async (): Promise<number> => {
      const now = host.now();
      const since = (await beginning.putIfAbsent('since', String(now))) ?? String(now);
      if (now - renewedAt > RENEWED_MS) {
        await beginning.put('since', since);
        renewedAt = now;
      }
      return now - Number(since);
    };

    const judge = async ({ options, envelope }: View): Promise<Verdict | undefined> => {
      const { unsent, learning, always_taken: always } = options;
      const looked = envelope.recipients.map(({ address }) => address);
      if (looked.some(({ local }) => always.includes(local.toLowerCase()))) return undefined;
      const isYoung = (await age()) < learning;
      if (unsent === 'off' || isYoung || (await lacksSome())) return undefined;
      for (const address of looked) {
        if ((await senders.get(keyOf(address))) !== undefined) return undefined;
      }
      const tests = ['UNSENT_BOUNCE'];
      if (unsent !== 'reject') return { kind: 'pass', score: unsent, tests };
      const text = 'No mail was sent from this address that could bounce';
      return { kind: 'refuse', reason: 'bounce', detail: '7.1', text, tests };
    };

    return {
      async note() {
        const since = await beginning.get('since');
        if (since === undefined) return 'has seen no mail yet: looks on';
        const end = Number(since) + atFirst;
        if (host.now() < end) return `looks on until ${new Date(end).toISOString()}`;
        return (await lacksSome()) ? 'has no room for all senders: looks on' : undefined;
      },
      hooks: {
        async data(view) {
          const { direction, envelope } = view;
          if (direction === 'in') return envelope.reversePath === null ? judge(view) : undefined;
          await age();
          if (envelope.reversePath !== null) await learn(envelope.reversePath);
          return undefined;
        },
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

/** The mailbox behind an address, as a digest: nobody reads addresses out of the book. */
function keyOf({ local, domain }: Address): string {
  const mailbox = local.replace(/^prvs=\d{4}[0-9a-f]{6}=/i, '');
  return createHash('sha256').update(`${mailbox}@${domain}`.toLowerCase()).digest('base64url');
}
