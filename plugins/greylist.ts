/**
 * greylist: asks a client that is not known yet to come again a little later, once.
 *
 * Only mail with something against it is put off: a score so far of `from_score` or more, or a client
 * whose address has no name in the DNS. So name this plugin behind those that give points before the
 * content (`client-checks`, `dns-lists`). A proper mail server comes again by itself after minutes;
 * much of what sends spam does not.
 *
 * What is known is not an address but an organisation: the sender's domain when its SPF record names
 * the client, else the client's network (/24, of IPv6 /64), each with the domain of sender and
 * recipient. So it does not matter which of its servers a large sender takes for the second attempt.
 * An organisation is known for 60 days once it has come again (within two days) or mail of it has been
 * delivered without a wait. A sender to whom somebody of the recipient's domain has written through
 * this gateway is known, and so is whoever `lists` or `dns-lists` allows.
 *
 * The answer is `451 4.7.1` with the seconds that are left (`greylist`), at RCPT; a sender without an
 * address, such as that of a bounce, hears it at DATA, so that questions about recipients are answered.
 * What is remembered survives a restart, as digests without addresses. When there is no room for more,
 * or the plugin cannot judge, mail goes on.
 */
import type { DataView, OptionSchema, Plugin, RcptView, Verdict } from 'sluice-mx/plugin';
import { Acquaintances } from './greylist/acquaintances.ts';
import { organisations } from './greylist/organisations.ts';
import type { Caller } from './greylist/organisations.ts';
import { Callers } from './greylist/callers.ts';
import { ON_ERROR } from './shared/on-error.ts';
import { isPublic, plainAddress } from './shared/public-address.ts';

const OPTIONS = {
  delay: { type: 'duration', default: '5m', doc: 'How long the wait is; at most a day.' },
  from_score: {
    type: 'number',
    min: -1000,
    max: 1000,
    default: 1,
    doc: 'Score so far from which mail is put off; 0: all mail of those who are not known.',
  },
  no_ptr: {
    type: 'boolean',
    default: true,
    doc: 'Also mail of clients whose address has no name in the DNS.',
  },
  always_taken: {
    type: 'strings',
    default: ['postmaster', 'abuse'],
    doc: 'Local parts of recipients whose mail is not put off.',
  },
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

type View = RcptView<typeof OPTIONS> | DataView<typeof OPTIONS>;
type Address = RcptView['recipient']['address'];

const LONGEST_DELAY_MS = 86_400_000;
const DAY_MS = 86_400_000;
const BEGINNING = { ttl: 400 * DAY_MS, max: 1 };
/** Until those are known who write once a fortnight. */
const LEARNING_MS = 14 * DAY_MS;

export default {
  name: 'greylist',
  service: 'spam',
  options: OPTIONS,
  async setup(host) {
    const organisationOf = await organisations(host);
    const acquaintances = new Acquaintances(host);
    const callers = new Callers();
    const beginning = host.book('beginning', BEGINNING);
    const since = Number(await beginning.putIfAbsent('since', String(host.now())));
    // Written anew long before it would be forgotten.
    if (host.now() - since > LEARNING_MS) await beginning.put('since', String(since));

    const judge = async (
      view: View,
      recipient: Address,
      signal: AbortSignal,
    ): Promise<Verdict | undefined> => {
      const { options, spamExempt } = view;
      if (options.always_taken.includes(recipient.local.toLowerCase())) return undefined;
      const caller = callerOf(view);
      if (!(await isWeak(view, caller))) return undefined;
      if (await acquaintances.hasWrittenTo(recipient.domain, caller.sender)) return undefined;
      const organisation = await organisationOf(caller, signal);
      if (organisation.isProven && spamExempt === 'if-proven') return undefined;
      const delay = Math.min(options.delay, LONGEST_DELAY_MS);
      const left = await acquaintances.meet(organisation.name, recipient.domain, delay);
      return left > 0 ? comeAgain(Math.ceil(left / 1000)) : undefined;
    };

    /** Something speaks against it. */
    const isWeak = async ({ options, score }: View, { address }: Caller): Promise<boolean> => {
      if (score >= options.from_score) return true;
      if (!options.no_ptr || !isPublic(address)) return false;
      const { kind } = await host.dns.ptr(plainAddress(address));
      return kind === 'none' || kind === 'no-domain';
    };

    return {
      async note() {
        if (host.now() - since > LEARNING_MS) return undefined;
        const day = new Date(since).toISOString().slice(0, 10);
        return `learns who writes here since ${day}: puts off more than later`;
      },
      hooks: {
        rcpt(view, signal) {
          if (view.direction === 'out') return undefined;
          callers.note(view.id, callerOf(view));
          if (view.envelope.reversePath === null) return undefined;
          return judge(view, view.recipient.address, signal);
        },
        data(view, signal) {
          const [first] = view.envelope.recipients;
          const isBounce = view.direction === 'in' && view.envelope.reversePath === null;
          return isBounce && first !== undefined ? judge(view, first.address, signal) : undefined;
        },
        async accepted({ direction, envelope: { reversePath, recipients } }) {
          if (direction === 'in' || reversePath === null) return;
          for (const { address } of recipients) {
            await acquaintances.writesTo(reversePath.domain, address);
          }
        },
        async delivered({ id, envelope: { recipients } }, signal) {
          // Told once for each recipient; one is enough, for they are of one domain.
          const caller = callers.take(id);
          const [first] = recipients;
          if (caller === undefined || first === undefined) return;
          const { name } = await organisationOf(caller, signal);
          await acquaintances.delivered(name, first.address.domain);
        },
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;

function callerOf({ session, envelope: { reversePath } }: View): Caller {
  const { remote, hello } = session;
  return { address: remote.address, hello: hello?.name ?? '', sender: reversePath };
}

function comeAgain(seconds: number): Verdict {
  return {
    kind: 'defer',
    reason: 'greylist',
    detail: '7.1',
    text: `You are not known here yet: please come again in ${seconds} seconds`,
    tests: ['GREYLISTED'],
    results: { seconds },
  };
}
