/** How mail for a domain is tried: what its file says, and for the rest what the node says. */
import type { QueueConfig } from '../config/config.ts';
import type { DomainSettings } from '../config/domain-schema.ts';

export type QueueOverride = Partial<
  Pick<QueueConfig, 'retryMs' | 'lifetimeMs' | 'delayWarningMs' | 'probeMs'>
>;

export function buildQueueOverride({ queue }: Pick<DomainSettings, 'queue'>): QueueOverride {
  const { retry, lifetime, delay_warning: delayWarning, probe } = queue;
  return {
    ...(retry !== undefined && { retryMs: retry }),
    ...(lifetime !== undefined && { lifetimeMs: lifetime }),
    ...(delayWarning !== undefined && { delayWarningMs: delayWarning }),
    ...(probe !== undefined && { probeMs: probe }),
  };
}

/** The shortest interval that a domain of one destination asks for. */
export function probeMsOf(node: QueueConfig, domains: readonly { queue: QueueOverride }[]): number {
  return Math.min(...domains.map(({ queue }) => queue.probeMs ?? node.probeMs), node.probeMs);
}
