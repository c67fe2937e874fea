/** Rules of single accounts that filters see to: options of those filters, in place of the domain's. */
import type { AccountSettings } from '../config/outgoing-schema.ts';
import type { DomainFile } from '../config/domain-file.ts';
import { CLASSIFIER, withoutPlugin } from '../config/not-in-effect.ts';
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
  const { accounts = [], bulk = 'accept' } = settings.outgoing ?? {};
  const wanted = (plugin: string, ...path: readonly (string | number)[]): Problem[] => {
    if (plugins.includes(plugin)) return [];
    return [problemAt(['outgoing', ...path], withoutPlugin(plugin), 'warning')];
  };
  return [
    ...(bulk === 'accept' ? [] : wanted(CLASSIFIER, 'bulk')),
    ...accounts.flatMap((account, index) =>
      Object.entries(ACCOUNT_RULES).flatMap(([name, { plugin }]) => {
        const isSet = account[name as keyof typeof ACCOUNT_RULES] === true;
        return isSet ? wanted(plugin, 'accounts', index, name) : [];
      }),
    ),
  ];
}
