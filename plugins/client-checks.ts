/**
 * client-checks: looks at what a client says of itself and of the sender, before any content is sent.
 *
 * Each rule gives points, refuses (`reject`) or is `off`. Points alone refuse nothing: they add to the
 * score of the mail. As shipped only two rules refuse: a sender in a domain that does not exist, and
 * one in a domain that says it takes no mail (null MX, RFC 7505), for nobody could answer either.
 *
 * `sender_hosted` and `helo_hosted` are about those who use a domain that is served here, without an
 * account. They wait for the content and count only if no filter proves the sender: with
 * `sender-auth` among the plugins whoever is in the domain's SPF record, or signs for it by DKIM, is
 * free to go. Without it they count always.
 *
 * A DNS that does not answer is no finding. Your own accounts are not looked at, nor clients or
 * senders of `exempt`; `postmaster` and `abuse` take mail from everybody.
 */
import type { OptionSchema, Plugin, RcptView, Verdict } from 'sluice-mx/plugin';
import { findings } from './client-checks/findings.ts';
import type { Finding } from './client-checks/findings.ts';
import { byRules } from './client-checks/rules.ts';
import { isException } from './shared/exceptions.ts';
import { ON_ERROR } from './shared/on-error.ts';

const OPTIONS = {
  no_ptr: { type: 'action', default: 1, doc: "The client's address has no name in the DNS." },
  ptr_mismatch: {
    type: 'action',
    default: 1,
    doc: 'No name of the address leads back to it (forward-confirmed reverse DNS).',
  },
  helo_literal: {
    type: 'action',
    default: 3,
    doc: "HELO with an address that is not the client's.",
  },
  helo_own: { type: 'action', default: 5, doc: "HELO with this gateway's own name." },
  helo_hosted: {
    type: 'action',
    default: 2,
    doc: 'HELO with the name of a domain served here, unless the sender is proven.',
  },
  helo_not_fqdn: { type: 'action', default: 1.5, doc: 'HELO with what is no full domain name.' },
  helo_unknown: { type: 'action', default: 1, doc: 'HELO with a name that the DNS does not know.' },
  sender_unknown: {
    type: 'action',
    default: 'reject',
    doc: "The sender's domain does not exist, or has neither MX nor address.",
  },
  null_mx: { type: 'action', default: 'reject', doc: "The sender's domain takes no mail." },
  sender_hosted: {
    type: 'action',
    default: 3,
    doc: 'A sender of a domain served here, from outside, unless proven.',
  },
  exempt: {
    type: 'strings',
    doc: 'Never looked at: client networks, sender addresses, domains with their subdomains.',
  },
  always_taken: {
    type: 'strings',
    default: ['postmaster', 'abuse'],
    doc: 'Local parts of recipients whose mail is not refused here.',
  },
  on_error: ON_ERROR,
} as const satisfies OptionSchema;

type View = RcptView<typeof OPTIONS>;

export default {
  name: 'client-checks',
  service: 'spam',
  options: OPTIONS,
  setup(host) {
    /** Of the transaction that a session is in: asked once, however many recipients it has. */
    const known = new WeakMap<object, { id: string; found: Promise<readonly Finding[]> }>();
    const foundOf = (view: View): Promise<readonly Finding[]> => {
      const before = known.get(view.session);
      if (before?.id === view.id) return before.found;
      const found = findings(view, host);
      known.set(view.session, { id: view.id, found });
      return found;
    };
    const rcpt = async (view: View): Promise<Verdict | undefined> => {
      if (view.direction === 'out' || isExempt(view)) return undefined;
      const { options, recipient } = view;
      const mayRefuse = !options.always_taken.includes(recipient.address.local.toLowerCase());
      return byRules(await foundOf(view), options, mayRefuse);
    };
    return { hooks: { rcpt } };
  },
} satisfies Plugin<typeof OPTIONS>;

function isExempt({ options, session, envelope: { reversePath } }: View): boolean {
  const addresses = reversePath === null ? [] : [`${reversePath.local}@${reversePath.domain}`];
  const claimed = { client: session.remote.address, addresses, listIds: [] };
  return isException(options.exempt ?? [], claimed);
}
