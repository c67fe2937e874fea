/**
 * tarpit: lets clients wait against whom there is something, before they may send the content.
 *
 * When the points that other filters have given before the content (`dns-lists`, `client-checks`)
 * reach `score`, each reply to RCPT from the second recipient on and the reply to DATA come only
 * after `delay`. A patient mail server loses nothing by that; programs that send spam often give up.
 * Name it behind the filters that give the points. So many connections are held at one time, and no
 * more of one client; others are answered at once. Mail is neither refused nor marked.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DataView, Options, OptionSchema, Plugin, RcptView } from 'sluice-mx/plugin';

const OPTIONS = {
  score: {
    type: 'number',
    min: 0,
    max: 1000,
    default: 4,
    doc: 'Points from which on a client waits.',
  },
  delay: { type: 'duration', default: '10s', doc: 'Wait before a reply; less than `timeout`.' },
  max_held: {
    type: 'number',
    min: 1,
    max: 10_000,
    default: 100,
    doc: 'Connections held at one time; the same for all domains.',
  },
  max_held_per_client: {
    type: 'number',
    min: 1,
    max: 1000,
    default: 5,
    doc: 'Of one client; the same for all domains.',
  },
  timeout: { type: 'duration', default: '60s', doc: 'Longest time for one hook.' },
  on_error: {
    type: 'string',
    oneOf: ['defer', 'accept', 'reject'],
    default: 'accept',
    doc: 'What happens to mail whose wait went wrong.',
  },
} as const satisfies OptionSchema;

type View = RcptView<typeof OPTIONS> | DataView<typeof OPTIONS>;

export default {
  name: 'tarpit',
  service: 'spam',
  options: OPTIONS,
  setup(_host, { max_held: maxHeld, max_held_per_client: perClient }: Options<typeof OPTIONS>) {
    /** Connections that are held now, by client. */
    const held = new Map<string, number>();
    let all = 0;
    const hold = async (view: View, signal: AbortSignal): Promise<undefined> => {
      const { score, delay: ms, timeout } = view.options;
      if (view.direction === 'out' || view.score < score) return;
      const { address } = view.session.remote;
      const own = held.get(address) ?? 0;
      if (all >= maxHeld || own >= perClient) return;
      all += 1;
      held.set(address, own + 1);
      try {
        await delay(Math.min(ms, timeout / 2), undefined, { signal });
      } finally {
        all -= 1;
        const left = (held.get(address) ?? 1) - 1;
        if (left === 0) held.delete(address);
        else held.set(address, left);
      }
    };
    return {
      hooks: {
        rcpt: (view, signal) =>
          view.envelope.recipients.length === 0 ? undefined : hold(view, signal),
        data: hold,
      },
    };
  },
} satisfies Plugin<typeof OPTIONS>;
