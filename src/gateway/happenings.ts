/**
 * Tells the filters in force what became of messages. Nothing waits for them: when too many are still
 * busy with what happened before, they do not hear of more.
 */
import type { Happening } from '../delivery/happening.ts';
import type { PluginHost } from '../plugin-host/run-hooks.ts';

/** Under way at once, of all filters. */
const MAX_PENDING = 1000;
const NEVER_ABORTED = new AbortController().signal;

export function tellFilters(filters: () => PluginHost): (one: Happening) => void {
  let pending = 0;
  return (one) => {
    const host = filters();
    if (!host.has(one.stage) || pending >= MAX_PENDING) return;
    const { stage, ...view } = one;
    pending += 1;
    // Never rejects: what a filter does with it is logged there.
    void host.happened(stage, view, NEVER_ABORTED).finally(() => (pending -= 1));
  };
}
