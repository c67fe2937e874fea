/**
 * lists: refuses whom you block and spares whom you allow from the judgement of spam.
 *
 * An entry names an address, a domain (with its subdomains) or a network of clients. Those in
 * `sluice.yaml` are the operator's and are in force for every domain; those in a domain's file come
 * on top for that domain. `only_for` limits an entry to mailboxes, `until` to its last day (UTC).
 *
 *     - lists:
 *         block:
 *           - { who: 192.0.2.0/24, until: 2027-01-31, note: "asked twice to stop" }
 *           - { who: news.example, only_for: [anna@example.org] }
 *         allow:
 *           - { who: partner.example }
 *
 * Address and domain are those of the envelope's sender; names beyond ASCII count in both of their
 * forms. A blocked sender or client is refused at RCPT (`blocked`). The closest entry wins: one for the
 * mailbox, then one of the domain, then one of the operator; of several that are as close a block. So a
 * domain may take what the operator blocks.
 *
 * `sluice list add block news.example --until 2027-01-31` adds an entry to the running gateway, for all
 * domains, for one (`--domain`) or for one mailbox (`--for`); `sluice list show` has all of them with
 * where they come from.
 *
 * Mail of allowed ones is not judged by filters of the service `spam` nor by its score; virus,
 * attachments and all else are looked at as ever. An allowed address or domain counts only when the
 * sender is proven, which needs `sender-auth`: a forged sender opens nothing. With `unproven: true`
 * the bare word of the sender is enough. What has not been proven yet at RCPT can still be refused
 * there by other filters; an allowed network counts from the start, so name this plugin first. Mail
 * of your own accounts is not looked at.
 */
import type { Entry, OptionSchema, Plugin, RcptView, Verdict } from 'sluice-mx/plugin';
import { asciiAddress } from './shared/ascii-address.ts';
import type { Asked } from './lists/entries.ts';
import { endOf } from './lists/entries.ts';
import type { Found, Levels } from './lists/levels.ts';
import { find, levelsOf, levelsOfAdded } from './lists/levels.ts';

const DOMAIN = String.raw`(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,63}`;
const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)`;
const IPV4 = String.raw`(?:${OCTET}\.){3}${OCTET}(?:\/(?:3[0-2]|[12]?\d))?`;
const GROUP = '[0-9a-f]{1,4}';
const GROUPS = `(?:${GROUP}(?::${GROUP}){0,6})?`;
const IPV6_BITS = String.raw`(?:\/(?:12[0-8]|1[01]\d|[1-9]?\d))?`;
const IPV6 = `(?:(?:${GROUP}:){7}${GROUP}|(?!:*(?:[0-9a-f]+:+){7}[0-9a-f])${GROUPS}::${GROUPS})${IPV6_BITS}`;
const ADDRESS = String.raw`[^\s@]{1,64}@${DOMAIN}`;

const WHO = {
  // Digits and dots alone are an address that is wrong, no domain.
  pattern: new RegExp(`^(?:${IPV4}|${IPV6}|${ADDRESS}|(?![\\d.]+$)${DOMAIN})$`, 'iu'),
  hint: 'an address, a domain, or a network such as 192.0.2.0/24',
};

const ENTRY = {
  who: { type: 'string', required: true, form: WHO, doc: 'Address, domain or network.' },
  only_for: {
    type: 'strings',
    form: { pattern: new RegExp(`^${ADDRESS}$`, 'iu'), hint: 'the address of a mailbox' },
    doc: 'Recipients that it is for; left out: all.',
  },
  until: {
    type: 'string',
    form: {
      pattern: /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/,
      hint: 'a day such as 2027-01-31',
    },
    doc: 'The last day of it (UTC); left out: for ever.',
  },
  note: { type: 'string', doc: 'For yourself; nobody else sees it.' },
} as const;

const OPTIONS = {
  block: { type: 'table', columns: ENTRY, doc: 'Who is refused.' },
  allow: {
    type: 'table',
    columns: {
      ...ENTRY,
      unproven: { type: 'boolean', default: false, doc: 'Also when the sender is not proven.' },
    },
    doc: 'Whose mail is not judged as spam.',
  },
} as const satisfies OptionSchema;

/** By command. */
const ADDED = {
  list: { type: 'string', required: true, oneOf: ['block', 'allow'], doc: 'Which of the two.' },
  ...ENTRY,
  domain: { type: 'string', doc: 'The hosted domain that it is for; left out: all.' },
  only_for: { ...ENTRY.only_for, type: 'string', doc: 'The recipient that it is for.' },
  unproven: { type: 'boolean', default: false, doc: 'Also when the sender is not proven.' },
} as const;

export default {
  name: 'lists',
  options: OPTIONS,
  entries: {
    schema: ADDED,
    key: ({ list, domain = '', only_for: mailbox = '', who }: Entry<typeof ADDED>) =>
      [list, domain, mailbox, who].join(' ').toLowerCase(),
    endsAt: ({ until }: Entry<typeof ADDED>) => endOf(until),
  },
  setup(host, operator) {
    const levels = new WeakMap<object, Levels>();
    let added: { given: unknown; levels: Levels } = { given: undefined, levels: [] };
    const rcpt = (view: RcptView<typeof OPTIONS>): Verdict | undefined => {
      if (view.direction === 'out') return undefined;
      const { options } = view;
      const all = levels.get(options) ?? levelsOf(operator, options);
      levels.set(options, all);
      const given = host.entries<typeof ADDED>();
      if (given !== added.given) added = { given, levels: levelsOfAdded(given) };
      const { reversePath } = view.envelope;
      const asked = {
        client: view.session.remote.address,
        sender: reversePath && asCompared(reversePath),
        recipient: asCompared(view.recipient.address),
        domain: view.domain,
        now: host.now(),
      };
      const found = find(asked, all, added.levels);
      return found && verdictOf(found);
    };
    return { hooks: { rcpt } };
  },
} satisfies Plugin<typeof OPTIONS>;

function asCompared({ local, domain }: Asked['recipient']): Asked['recipient'] {
  const address = asciiAddress(`${local}@${domain}`);
  const at = address.lastIndexOf('@');
  return { local: address.slice(0, at), domain: address.slice(at + 1) };
}

function verdictOf({ list, known: { entry, isNetwork } }: Found): Verdict {
  const name = /^[\x21-\x7e]+$/.test(entry.who) ? entry.who : asciiAddress(entry.who);
  const who = name.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 200);
  if (list === 'block') {
    const text = `${isNetwork ? 'Your network' : 'This sender'} is blocked here: ${who}`;
    const tests = ['BLOCKED'];
    return { kind: 'refuse', reason: 'blocked', text, tests, results: { blocked: who } };
  }
  const spamExempt = isNetwork || entry.unproven === true ? 'always' : 'if-proven';
  return { kind: 'pass', spamExempt, results: { allowed: who } };
}
