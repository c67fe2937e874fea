/** docs/plugins.md from the sources: each plugin's header comment and its options. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { format } from 'prettier';
import { COMMON_OPTIONS } from '../../src/plugin-host/options.ts';
import { loadPluginFile, SHIPPED_PLUGINS } from '../../src/plugin-host/plugin-file.ts';
import type { OptionSchema, OptionSpec } from '../../src/plugin.ts';

const INTRODUCTION = `# The filters that come with Sluice

Made from the sources in \`plugins/\` by \`GOLDEN=write node --test test/packaging/plugin-page.test.ts\`.

A filter runs when it is named under \`plugins:\` in \`sluice.yaml\`, in that order, and not otherwise:

\`\`\`yaml
plugins:
  - clamav: { address: /run/clamav/clamd.ctl, on_error: defer }
\`\`\`

A domain file overrides options for its domain under the plugin's name. A plugin with a _service_ runs
only for domains that have it among their \`services\`. [Writing one](../plugins/README.md) is another
page; a file \`NAME.ts\` or \`NAME.js\` in the folder \`plugins/\` beside \`sluice.yaml\` comes before a
shipped one of that name. \`sluice plugins list\` shows those that run.

## Options of every plugin
`;

export async function pluginPage(): Promise<string> {
  const files = globSync('*.ts', { cwd: SHIPPED_PLUGINS }).toSorted();
  const sections: string[] = [];
  for (const file of files) {
    const name = basename(file, '.ts');
    const found = await loadPluginFile(name, [SHIPPED_PLUGINS]);
    if (!found.ok) throw new Error(found.problem);
    const { service, options = {} } = found.plugin;
    const runs = service === undefined ? '' : `Service: \`${service}\`.\n\n`;
    const text = headerOf(readFileSync(join(SHIPPED_PLUGINS, file), 'utf8'), name);
    sections.push(`## ${name}\n\n${text}\n\n${runs}${table(options)}`);
  }
  const page = [`${INTRODUCTION}\n${table(COMMON_OPTIONS)}`, ...sections].join('\n\n');
  return format(page, { parser: 'markdown', printWidth: 100 });
}

/** The header comment as text, without the name it begins with. */
function headerOf(source: string, name: string): string {
  const comment = source.slice('/**'.length, source.indexOf('*/'));
  const text = comment.replaceAll(/^ ?\* ?/gm, '').trim();
  if (!text.startsWith(`${name}: `)) throw new Error(`${name}.ts: does not begin with its name`);
  const [first = '', ...rest] = text.slice(name.length + 2);
  return first.toUpperCase() + rest.join('');
}

function table(options: OptionSchema): string {
  const rows = Object.entries(options).flatMap(([name, spec]) => [
    row(name, spec),
    ...(spec.type === 'table'
      ? Object.entries(spec.columns).map(([column, inner]) => row(`${name}: ${column}`, inner))
      : []),
  ]);
  return ['| option | default | values | meaning |', '| - | - | - | - |', ...rows].join('\n');
}

function row(name: string, spec: OptionSpec): string {
  return `| \`${name}\` | ${defaultOf(spec)} | ${valuesOf(spec)} | ${spec.doc} |`;
}

function defaultOf(spec: OptionSpec): string {
  const { default: value } = spec;
  if ('required' in spec) return 'needed';
  if (value === undefined) return 'none';
  const texts = typeof value === 'object' ? value : [value];
  return texts.map((text) => `\`${text}\``).join(', ');
}

function valuesOf(spec: OptionSpec): string {
  switch (spec.type) {
    case 'string':
      return spec.oneOf?.map((word) => `\`${word}\``).join(', ') ?? spec.form?.hint ?? 'text';
    case 'number':
      return `${spec.min ?? 'any'} to ${spec.max ?? 'any'}`;
    case 'boolean':
      return '`true`, `false`';
    case 'action':
      return '`off`, `reject`, or points';
    case 'duration':
      return 'duration';
    case 'size':
      return 'size';
    case 'strings':
      return spec.oneOf === undefined
        ? (spec.form?.hint ?? 'text, or a list')
        : `one or a list of ${spec.oneOf.map((word) => `\`${word}\``).join(', ')}`;
    case 'endpoints':
      return 'socket file or host:port, or a list';
    case 'table':
      return 'list of entries';
  }
}
