/**
 * The schema of sluice.yaml: every key with its default and bounds. What it yields is still in the
 * file's own names; `config.ts` is what the program sees. docs/configuration.md explains each key.
 */
import * as z from 'zod';
import { alertsSchema } from './alerts-schema.ts';
import { noticesSchema } from './notices-schema.ts';
import { reportsSchema } from './reports-schema.ts';
import { arcSealSchema } from './dkim-schema.ts';
import { isSetting } from './domain-schema.ts';
import { remoteTls, smarthost } from './smarthost-schema.ts';
import { providers } from './providers-schema.ts';
import { sourceAddresses } from './sources-schema.ts';
import { nodeQueue } from './queue-schema.ts';
import {
  duration,
  mailAddress,
  hostName,
  listenAddress,
  name,
  networks,
  path,
  serverAddress,
  size,
  whole,
} from './values.ts';
import { isGroup } from './yaml-source.ts';

const listener = z.strictObject({
  name: name('a name such as mx').optional(),
  address: listenAddress('0.0.0.0'),
  tls: z.enum(['starttls', 'implicit', 'off']).prefault('starttls'),
  auth: z.enum(['off', 'optional', 'required']).prefault('off'),
  auth_without_tls: z.boolean().prefault(false),
  proxy_protocol: networks().prefault([]),
  xclient: networks().prefault([]),
});

const TLS_FORMS = 'expected { cert: path, key: path } or { self_made: true }';
const tls = z.union(
  [
    z.strictObject({ cert: path(), key: path() }),
    z.strictObject({ self_made: z.literal(true, { error: 'expected true' }) }),
  ],
  { error: TLS_FORMS },
);

const PLUGIN_FORM = 'expected a plugin such as "- clamav: {}"';

export interface PluginEntry {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** `- clamav: { ... }`, `- clamav:` or `- clamav`. */
const plugin = z.unknown().transform((input, context): PluginEntry => {
  const refuse = (message: string) => {
    context.issues.push({ code: 'custom', message, input });
    return z.NEVER;
  };
  const entries = isGroup(input) ? Object.entries(input) : [[input, null] as const];
  const [first] = entries;
  if (entries.length > 1) return refuse(`${PLUGIN_FORM}, one in each item of the list`);
  const [pluginName, options] = first ?? [];
  if (typeof pluginName !== 'string' || !/^[a-z0-9][a-z0-9-]{0,63}$/.test(pluginName)) {
    return refuse(PLUGIN_FORM);
  }
  if (isSetting(pluginName))
    return refuse(`"${pluginName}" is a setting of domain files, so no plugin can have this name`);
  if (options === null) return { name: pluginName, options: {} };
  return isGroup(options)
    ? { name: pluginName, options }
    : refuse(`expected options of ${pluginName}, such as { on_error: defer }`);
});

export const nodeSchema = z.strictObject({
  hostname: hostName(),
  data: path().prefault('./data'),
  domains: path().prefault('./domains'),
  reload: z.enum(['watch', 'signal']).prefault('watch'),
  listeners: z
    .array(listener, { error: 'expected a list of listeners' })
    .min(1, { error: 'expected at least one listener' })
    .prefault([{ name: 'mx', address: '0.0.0.0:25' }]),
  control: z
    .strictObject({ address: listenAddress('127.0.0.1').prefault('127.0.0.1:8625') })
    .prefault({}),
  tls: tls.optional(),
  dns: z
    .strictObject({
      servers: z
        .array(serverAddress(53), { error: 'expected a list such as ["127.0.0.1:53"]' })
        .min(1, { error: 'expected at least one server' })
        .optional(),
    })
    .prefault({}),
  dkim: z.strictObject({ keys: path().prefault('./dkim') }).prefault({}),
  arc_seal: arcSealSchema.optional(),
  scanners: z.strictObject({ managed: z.boolean().prefault(false) }).prefault({}),
  plugins: z.array(plugin, { error: 'expected a list of plugins' }).prefault([]),
  limits: z
    .strictObject({
      message_size: size('64KiB', '2GiB').prefault('50MiB'),
      recipients: whole(1, 10_000).prefault(200),
      connections: whole(1, 100_000).prefault(2000),
      connections_per_client: whole(1, 100_000).prefault(50),
      header: size('4KiB', '16MiB').prefault('256KiB'),
      hops: whole(1, 100).prefault(30),
      unknown_recipients: whole(1, 100_000).prefault(100),
      unknown_recipients_per_hour: whole(10, 1_000_000).prefault(500),
      harvest_exempt: networks().prefault([]),
      min_free_space: size('0B', '1024GiB').prefault('512MiB'),
    })
    .prefault({}),
  queue: z.strictObject(nodeQueue).prefault({}),
  quarantine: z
    .strictObject({
      keep: duration('1h', '3650d').prefault('14d'),
      max_messages: whole(0, 1_000_000_000).prefault(100_000),
      max_bytes: size('0B', '1048576GiB').prefault('10GiB'),
      requests: mailAddress().optional(),
    })
    .prefault({}),
  alerts: alertsSchema,
  complaints: z
    .strictObject({
      addresses: z
        .array(mailAddress(), { error: 'expected a list of addresses such as [abuse@example.net]' })
        .max(100, { error: 'expected at most 100 addresses' })
        .prefault([]),
    })
    .prefault({}),
  reports: reportsSchema,
  notices: noticesSchema,
  records: z
    .strictObject({
      keep: duration('1d', '3650d').prefault('30d'),
      max_bytes: size('16MiB', '1048576GiB').prefault('10GiB'),
      subject: z.boolean().prefault(false),
      pseudonymise_after: duration('0s', '3650d').nullable().prefault(null),
    })
    .prefault({}),
  archive: z.strictObject({ keep: duration('1d', '3650d').prefault('365d') }).prefault({}),
  delivery: z
    .strictObject({
      cut_through: z.boolean().prefault(true),
      final_reply_timeout: duration('100ms', '10m').prefault('60s'),
      smarthost: smarthost.optional(),
      remote_tls: remoteTls.optional(),
      sources: sourceAddresses.prefault([]),
      providers: providers.prefault([]),
      private_networks: networks().prefault([]),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).prefault('info'),
      file: path().nullable().prefault(null),
    })
    .prefault({}),
});

export type NodeSettings = z.output<typeof nodeSchema>;
