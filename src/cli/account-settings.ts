/** Settings of an account on the command line: `archive=true`, `limits.recipients_per_day=500`, `identity=`. */
import { parseYaml } from '../config/yaml-source.ts';
import type { SettingChange } from '../config/account-text.ts';
import { CliFault, EXIT } from './exit.ts';
import { printable } from './terminal.ts';

/** Who it is, and what only `passwd` changes. */
const NOT_SET_HERE: ReadonlySet<string> = new Set(['ip', 'spf', 'user', 'domain', 'password']);

export const SETTINGS_HELP =
  'settings of the account as in the file: archive=true limits.recipients_per_day=500; "archive=" takes one away';

export function parseSettings(words: readonly string[]): SettingChange[] {
  return words.map((word) => {
    const [, name = '', text = ''] = /^([a-z_]+(?:\.[a-z_]+)?)=(.*)$/s.exec(word) ?? [];
    if (name === '') {
      throw new CliFault(EXIT.usage, `"${printable(word)}" is no setting: write name=value`);
    }
    const path = name.split('.');
    if (NOT_SET_HERE.has(path[0] ?? '')) {
      const how = name === 'password' ? 'sluice account passwd' : 'remove the account, add another';
      throw new CliFault(EXIT.usage, `${name} cannot be set: ${how}`);
    }
    return { path, value: text.trim() === '' ? undefined : valueOf(name, text) };
  });
}

function valueOf(name: string, text: string): unknown {
  const { source, problems } = parseYaml('', text);
  const [problem] = problems;
  if (problem === undefined && source !== undefined) return source.value;
  throw new CliFault(EXIT.usage, `${name}: ${printable(problem?.text ?? 'no value')}`);
}

/** As a group of values, for an account that is new. */
export function valuesOf(changes: readonly SettingChange[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { path, value } of changes) {
    const [name = '', inner] = path;
    if (value === undefined) continue;
    if (inner === undefined) values[name] = value;
    else values[name] = { ...(values[name] as object | undefined), [inner]: value };
  }
  return values;
}
