/** Rules of single accounts that filters see to: options of those filters, in place of the domain's. */
import type { AccountSettings } from '../config/outgoing-schema.ts';
import type { DomainFile } from '../config/domain-file.ts';
import type { Problem } from '../config/problem.ts';

type PluginOptions = DomainFile['pluginOptions'];

/** What a setting of an account, when it is true, means for which plugin. */
export const ACCOUNT_RULES = {
  block_macros: { plugin: 'attachments', options: { macros_action: 'reject' } },
  refuse_new_domains: { plugin: 'new-domains', options: { action: 'reject' } },
} as const;

/** Undefined: those of the domain. */
export function accountFilters(
  settings: AccountSettings,
  ofDomain: PluginOptions,
): PluginOptions | undefined {
  const rules = Object.entries(ACCOUNT_RULES).filter(
    ([name]) => settings[name as keyof typeof ACCOUNT_RULES] === true,
  );
  if (rules.length === 0) return undefined;
  const own = rules.map(([, { plugin, options }]) => [plugin, { ...ofDomain[plugin], ...options }]);
  return { ...ofDomain, ...(Object.fromEntries(own) as PluginOptions) };
}

/** Rules that nobody sees to. */
export function rulesWithoutPlugin(
  { settings, problemAt }: DomainFile,
  plugins: readonly string[],
): Problem[] {
  return (settings.outgoing?.accounts ?? []).flatMap((account, index) =>
    Object.entries(ACCOUNT_RULES).flatMap(([name, { plugin }]) => {
      const isSet = account[name as keyof typeof ACCOUNT_RULES] === true;
      if (!isSet || plugins.includes(plugin)) return [];
      const text = `not in effect: the plugin ${plugin} is not among the plugins of sluice.yaml`;
      return [problemAt(['outgoing', 'accounts', index, name], text, 'warning')];
    }),
  );
}
