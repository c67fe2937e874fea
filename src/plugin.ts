/**
 * The public plugin API: types only, so that an operator's plain `.js` file needs nothing of ours.
 * A plugin file default-exports an object of type `Plugin`. See plugins/README.md.
 */
import type { Content } from './mail/content.ts';
import type { Envelope, Recipient } from './mail/envelope.ts';
import type { SessionView } from './mail/session-view.ts';
import type { SpamExemption, Verdict } from './mail/verdict.ts';

export type { Address, ReversePath } from './mail/address.ts';
export type { Content } from './mail/content.ts';
export type { Envelope, Recipient } from './mail/envelope.ts';
export type { Reason } from './mail/reason.ts';
export type { SessionView, TlsView } from './mail/session-view.ts';
export type { Evidence, Field, SpamExemption, Verdict } from './mail/verdict.ts';

/** Options as plain data; the host checks them with file, line and column and fills in defaults. */
export type OptionSchema = Readonly<Record<string, OptionSpec>>;
export type OptionSpec = { readonly doc: string } & (
  | PlainSpec
  /** A list of entries that have the same members each. */
  | {
      readonly type: 'table';
      readonly columns: Readonly<Record<string, ColumnSpec>>;
      readonly default?: undefined;
    }
);
/** A member of each entry of a table. */
export type ColumnSpec = { readonly doc: string; readonly required?: true } & PlainSpec;

/** What a text must look like, and how that is told to who wrote another. */
export interface TextForm {
  readonly pattern: RegExp;
  /** Goes on after "expected": `the name of a zone`. */
  readonly hint: string;
}

type PlainSpec =
  | {
      readonly type: 'string';
      readonly default?: string;
      readonly oneOf?: readonly string[];
      readonly form?: TextForm;
    }
  | {
      readonly type: 'number';
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
    }
  | { readonly type: 'boolean'; readonly default?: boolean }
  /** What a finding leads to: `off`, `reject`, or points for the score. */
  | { readonly type: 'action'; readonly default?: Action }
  /** Written `30s`, `5m`; given to the plugin in milliseconds. */
  | { readonly type: 'duration'; readonly default?: string }
  /** Written `10MiB`; given to the plugin in bytes. */
  | { readonly type: 'size'; readonly default?: string }
  /** A string or a list of strings; given to the plugin as a list. */
  | {
      readonly type: 'strings';
      readonly default?: readonly string[];
      readonly oneOf?: readonly string[];
      readonly form?: TextForm;
    }
  /** Written `/path/of.socket` or `host:port`, one or a list; given as a list for `net.connect`. */
  | {
      readonly type: 'endpoints';
      readonly default?: readonly string[];
      /** For `host` without a port. */
      readonly port?: number;
    };

export type Action = number | 'off' | 'reject';

export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number };

/** What the plugin is given for an option. */
type OptionValue<Spec> = Spec extends { readonly columns: infer Members }
  ? readonly Entry<Members>[]
  : PlainValue<Spec>;

/** Members of an entry of a table, or of one that was added by command. */
export type Columns = Readonly<Record<string, ColumnSpec>>;

export type Entry<Members> = {
  readonly [Name in keyof Members]: Members[Name] extends
    { readonly default: unknown } | { readonly required: true }
    ? PlainValue<Members[Name]>
    : PlainValue<Members[Name]> | undefined;
};

type PlainValue<Spec> = Spec extends { readonly type: 'boolean' }
  ? boolean
  : Spec extends { readonly type: 'action' }
    ? Action
    : Spec extends { readonly type: 'number' | 'duration' | 'size' }
      ? number
      : Spec extends { readonly type: 'strings' }
        ? readonly string[]
        : Spec extends { readonly type: 'endpoints' }
          ? readonly Endpoint[]
          : Spec extends { readonly oneOf: readonly (infer Word)[] }
            ? Word
            : string;

/**
 * Checked options: durations in ms, sizes in bytes, lists as arrays; undefined where there is no
 * default. With `const OPTIONS = {...} as const satisfies OptionSchema`, `Options<typeof OPTIONS>`
 * has the type of each.
 */
export type Options<Schema extends OptionSchema = OptionSchema> = {
  readonly [Name in keyof Schema]: Schema[Name] extends { readonly default: unknown }
    ? OptionValue<Schema[Name]>
    : OptionValue<Schema[Name]> | undefined;
};

/** Beside its own options every plugin has `on_error`, `timeout` and `max_concurrent`. */
export interface Plugin<Schema extends OptionSchema = OptionSchema> {
  readonly name: string;
  /** Domains without this service are not filtered by this plugin. Absent: it always runs. */
  readonly service?: 'spam' | 'virus';
  readonly options?: Schema;
  readonly hooks?: Hooks<Schema>;
  /** What people may add by command while it runs; given by `host.entries`. */
  readonly entries?: EntryKind;
  /** In place of `hooks`: called at start and at each reload, for plugins that hold something. */
  setup?(
    host: PluginHost,
    options: Options<Schema>,
  ): PluginParts<Schema> | Promise<PluginParts<Schema>>;
}

/** Entries that are added by command: what they look like, and which two are one. */
export interface EntryKind {
  readonly schema: Columns;
  /** One that is added takes the place of another with the same key. At most 1000 characters. */
  key(entry: Options): string;
  /** When it is over, in milliseconds since 1970; without it, or undefined: never. */
  endsAt?(entry: Options): number | undefined;
}

export interface PluginParts<Schema extends OptionSchema = OptionSchema> {
  readonly hooks: Hooks<Schema>;
  /** Asks the daemon behind the plugin whether it is there; shown in `sluice status`. */
  probe?(signal: AbortSignal): Promise<ProbeResult>;
  /** What people should know of it as it is now, in a few words; shown in `sluice plugins list`. */
  note?(): Promise<string | undefined>;
  /**
   * Takes in what a person says of a message. False: this plugin does not learn as it is configured.
   * Rejects when it could not.
   */
  learn?(lesson: Lesson<Schema>, signal: AbortSignal): Promise<boolean>;
  stop?(): Promise<void> | void;
}

export type ProbeResult =
  | { readonly state: 'ok'; readonly text: string; readonly signatures?: Signatures | undefined }
  | { readonly state: 'down'; readonly text: string };

/** How new that is by which a daemon judges, if somebody has to keep it new. */
export interface Signatures {
  readonly age: 'fresh' | 'old' | 'unknown';
  readonly text: string;
}

/** A message that a person has judged. */
export interface Lesson<Schema extends OptionSchema = OptionSchema> {
  readonly as: 'ham' | 'spam';
  /** The plugin's options, with the overrides of the customer's domain. */
  readonly options: Options<Schema>;
  /** As it is stored: what the client sent, below our own fields. */
  readonly content: Content;
}

/** An answer of the DNS. A question never rejects and has a deadline of its own. */
export type DnsAnswer<T> =
  | { readonly kind: 'found'; readonly records: readonly T[] }
  /** The name is there, but nothing of this type. */
  | { readonly kind: 'none' }
  | { readonly kind: 'no-domain' }
  /** Nobody answered, or not with an answer: says nothing about the name. */
  | { readonly kind: 'unsure'; readonly text: string };

/** Questions to the DNS servers of the configuration, with a cache. */
export interface Dns {
  a(name: string): Promise<DnsAnswer<string>>;
  aaaa(name: string): Promise<DnsAnswer<string>>;
  mx(name: string): Promise<DnsAnswer<{ readonly preference: number; readonly exchange: string }>>;
  /** The strings of each record joined. */
  txt(name: string): Promise<DnsAnswer<string>>;
  /** Names of an address, in lower case without a final dot. */
  ptr(address: string): Promise<DnsAnswer<string>>;
}

export interface PluginHost {
  readonly hostname: string;
  readonly dns: Dns;
  /** The gateway's time, in milliseconds since 1970. */
  now(): number;
  /** A line in the gateway's log, under the plugin's name. */
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /**
   * Asks one of several addresses after the other until one answers: those in working order as
   * configured, then those that have failed the plugin and have not answered since; from half a minute
   * later one question finds out whether they do, and goes to the next after two seconds. With `sign`,
   * which asks for a sign of life that is never long in coming, a question that takes long waits for as
   * long as there is one, and goes to the next address when there is none. The signal that `ask` gets is
   * for this address. Rejects with the last failure. What is wrong with the question and not with the
   * address is an answer, no failure.
   */
  firstAnswer<T>(
    addresses: readonly Endpoint[],
    signal: AbortSignal,
    ask: (address: Endpoint, signal: AbortSignal) => Promise<T>,
    sign?: (address: Endpoint, signal: AbortSignal) => Promise<unknown>,
  ): Promise<T>;
  /**
   * A book of this plugin, by its name: kept in the gateway's store, over reloads and restarts. To be
   * asked for in `setup`, at most ten of them.
   */
  book(name: string, bounds: BookBounds): Book;
  /** What people have added by command; the same list until something changes. */
  entries<Members extends Columns>(): readonly Entry<Members>[];
}

export interface BookBounds {
  /** An entry is forgotten so many milliseconds after it was written. */
  readonly ttl: number;
  /** Entries at most, about; up to a million. */
  readonly max: number;
}

/**
 * Small texts by key (512 bytes at most, values 1024) that are forgotten after a time. The last
 * seconds may be missing after a power cut. Rejects when the store fails.
 */
export interface Book {
  get(key: string): Promise<string | undefined>;
  /** False: the book is full, and nothing was written. */
  put(key: string, value: string): Promise<boolean>;
  /** What stands under the key now: `value` if nothing did before. Undefined: the book is full. */
  putIfAbsent(key: string, value: string): Promise<string | undefined>;
  /** Says whether it was there. */
  delete(key: string): Promise<boolean>;
}

/** Every hook may answer with nothing: pass. Throwing or being late is the plugin's `on_error`. */
export interface Hooks<Schema extends OptionSchema = OptionSchema> {
  connect?(view: ConnectView, signal: AbortSignal): Answer;
  helo?(view: ConnectView, signal: AbortSignal): Answer;
  mail?(view: MailView, signal: AbortSignal): Answer;
  rcpt?(view: RcptView<Schema>, signal: AbortSignal): Answer;
  /** Before 354. */
  data?(view: DataView<Schema>, signal: AbortSignal): Answer;
  /** After the final dot, side by side with the other plugins. */
  content?(view: ContentView<Schema>, signal: AbortSignal): Answer;
  /** What happened; the answer is ignored. */
  accepted?(view: EventView, signal: AbortSignal): Promise<void> | void;
  delivered?(view: EventView, signal: AbortSignal): Promise<void> | void;
  deferred?(view: EventView, signal: AbortSignal): Promise<void> | void;
  failed?(view: EventView, signal: AbortSignal): Promise<void> | void;
}
export type Answer = Promise<Verdict | undefined> | Verdict | undefined;

export interface ConnectView {
  readonly session: SessionView;
}
export interface MailView extends ConnectView {
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** Of the customer who sends, for direction `out`. */
  readonly account?: string;
  readonly envelope: Envelope;
  /** Whether mail for a domain is served here, by its name or an alias. */
  isHosted(domain: string): boolean;
}
/** What the filters have found so far. */
export interface JudgedView extends MailView {
  /** All scores of the stages before, and of the plugins before this one in this stage. */
  readonly score: number;
  /** What filters have said so far of its being judged as spam. */
  readonly spamExempt?: SpamExemption | undefined;
}
export interface RcptView<Schema extends OptionSchema = OptionSchema> extends JudgedView {
  readonly recipient: Recipient;
  /** The hosted domain whose policy is in force. */
  readonly domain: string;
  /** The plugin's options, with the overrides of the recipient's domain. */
  readonly options: Options<Schema>;
}
export interface DataView<Schema extends OptionSchema = OptionSchema> extends JudgedView {
  /** The hosted domain whose policy is in force. */
  readonly domain: string;
  /** The plugin's options, with the overrides of that domain. */
  readonly options: Options<Schema>;
}
export interface ContentView<Schema extends OptionSchema = OptionSchema> extends DataView<Schema> {
  /** What the client sent, byte for byte. */
  readonly content: Content;
  /** Our own `Received` field, CRLF included, for scanners that want to see who sent it. */
  readonly received: Uint8Array;
}
export interface EventView {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly envelope: Envelope;
  readonly text: string;
}
