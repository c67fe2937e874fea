/**
 * What becomes of a transaction that a plugin could not judge: the plugin's `on_error`, as a verdict.
 * Whatever the policy, the trace says that the plugin did not judge; mail that is let through says it
 * in a field of its own too, and so does mail that a person lets go before it was judged.
 */
import type { Verdict } from '../mail/verdict.ts';
import type { CommonOptions } from './options.ts';

/** `hold` is for content hooks: the mail is kept until the plugin has judged it. */
export type OnError = CommonOptions['on_error'];

export const UNCHECKED_FIELD = 'X-Sluice-Unchecked';

export function onErrorVerdict(
  plugin: { readonly name: string; readonly service?: 'spam' | 'virus' | undefined },
  policy: OnError,
): Verdict {
  const results = { [plugin.name]: 'unchecked' };
  if (policy === 'accept' || policy === 'hold') {
    return { kind: 'pass', results, fields: [{ name: UNCHECKED_FIELD, value: plugin.name }] };
  }
  const isScanner = plugin.service !== undefined;
  return {
    kind: policy === 'reject' ? 'refuse' : 'defer',
    reason: isScanner ? 'scanner_down' : `plugin:${plugin.name}`,
    text: isScanner ? 'Content cannot be checked now' : 'Cannot be checked now',
    detail: '7.1',
    results,
  };
}
