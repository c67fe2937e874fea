/**
 * What the control port sees of the running gateway, and the few things it may ask of it. The
 * gateway hands this in; nothing in control/ knows how it is done. Reading methods are cheap and
 * never wait for the outside world, but for the store where they return promises.
 */
import type { DomainQueueView } from './domain-queue.ts';
import type { DiskRoom } from '../base/disk-room.ts';
import type { AccountView } from './account-row.ts';
import type { PluginView } from './plugin-view.ts';
import type { ListsView } from './lists-view.ts';
import type { LogLevelView } from './log-level-view.ts';
import type { Rates } from '../base/message-rates.ts';
import type { Trace } from '../records/trace-book.ts';
import type { Address } from '../mail/address.ts';
import type { ExaminationWish, StartedExamination } from './examination-view.ts';
import type { LiveFeed } from './live-feed.ts';
import type { OutgoingView } from './outgoing-view.ts';
import type { ArchiveView } from './archive-view.ts';
import type { QuarantineView } from './quarantine-view.ts';
import type { QueueView } from './queue-view.ts';

export interface GatewayView {
  status(): Promise<GatewayStatus>;
  /** What `status` says of the scanners is of now; waits a second at most. */
  askScanners(): Promise<void>;
  /** What `/readyz` looks at. A destination that is down does not belong here. */
  checks(): Promise<readonly HealthCheck[]>;
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  domains(): readonly DomainView[];
  /** Who may send for them. */
  accounts(): readonly AccountView[];
  readonly outgoing: OutgoingView;
  /** The filters in force, in the order of the configuration. */
  plugins(): Promise<readonly PluginView[]>;
  destinations(): readonly DestinationView[];
  /** All about the destination of a domain, found by its name or an alias. */
  destination(domain: string): DestinationDetail | undefined;
  readonly holds: HoldsView;
  /** Examines a domain's destination; the steps come as they are done. */
  examine(wish: ExaminationWish, signal: AbortSignal): StartedExamination;
  readonly alerts: AlertsView;
  readonly queue: QueueView;
  readonly quarantine: QuarantineView;
  readonly archive: ArchiveView;
  /** Tells the filters what a person says of mail in quarantine: `learnt`, or why not. */
  readonly lists: ListsView;
  readonly lessons: {
    teach(id: string, as: 'ham' | 'spam', who: string): Promise<string>;
  };
  readonly recipients: RecipientsView;
  readonly trace: Trace;
  readonly logLevel: LogLevelView;
  readonly events: Pick<LiveFeed, 'subscribe'>;
  /** Reads the configuration anew; with problems, the old one stays in force. */
  reload(): Promise<ReloadResult>;
  /** Begins a graceful stop and returns at once. */
  stop(): void;
}

export type GatewayState = 'starting' | 'ready' | 'draining' | 'failed';

export interface GatewayStatus {
  readonly version: string;
  readonly hostname: string;
  readonly pid: number;
  readonly state: GatewayState;
  /** Milliseconds since the epoch, as all times here. */
  readonly startedAt: number;
  readonly engine: string;
  /**
   * Where the mail lies; below `minBytes`, or with few files left, nothing more is stored, and as
   * little where it does not say what is free.
   */
  readonly disk: Partial<DiskRoom> & { readonly minBytes: number };
  /** Why some of what is stored cannot be read; undefined while all of it can. */
  readonly unread: string | undefined;
  readonly listeners: readonly ListenerView[];
  readonly rates: Rates;
  readonly scanners: readonly ScannerView[];
  /** Directories that are asked about recipients. */
  readonly ldap: readonly LdapView[];
  /** Keys that do not sign, for their records have not been seen. */
  readonly unsigned: readonly { readonly record: string; readonly text: string }[];
  /** SPF records of shared servers that are not to be had. */
  readonly lost: GatewayStatus['unsigned'];
  readonly config: ConfigState;
}

export interface ConfigState {
  readonly file: string;
  readonly loadedAt: number;
  /** The last reload was refused, and the configuration before it is in force. */
  readonly stale: boolean;
  /** Keys that were changed and come into force only when the gateway is started anew. */
  readonly needsRestart: readonly string[];
}

export interface ListenerView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly sessions: number;
}

export interface ScannerView {
  readonly name: string;
  readonly up: boolean;
  readonly text: string;
  /** How new what it judges by was when it answered last; without it there is nothing to keep new. */
  readonly signatures?: SignaturesView | undefined;
}

export interface SignaturesView {
  readonly age: 'fresh' | 'old' | 'unknown';
  readonly text: string;
}

export interface LdapView {
  readonly name: string;
  readonly domains: readonly string[];
  /** Since when it does not say who is there, and why; undefined: it does, or nobody asked yet. */
  readonly down: { readonly since: number; readonly text: string } | undefined;
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** When it fails, mail must not be sent here; others only degrade. */
  readonly required: boolean;
  readonly text: string;
}

interface Thresholds {
  readonly tag: number;
  readonly quarantine: number;
  readonly reject: number;
}

export interface DomainView {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Hosts and ports, for people. */
  readonly destination: string;
  /** `callout`, `any`, `list (12)` */
  readonly recipients: string;
  readonly outage: string;
  readonly services: readonly string[];
  readonly spam: Thresholds;
  /** With thresholds of their own, those with the same ones together. */
  readonly mailboxes: readonly (Thresholds & { readonly only_for: readonly string[] })[];
  readonly virus: string;
  readonly contact: string | undefined;
  readonly queue: DomainQueueView;
  readonly file: string;
}

export interface HabitView {
  /** The domain it was seen with; undefined when it is the server's way with all of them. */
  readonly domain?: string;
  /** A word of docs/destinations.md. */
  readonly habit: string;
  readonly since: number;
  readonly lastAt?: number;
  /** What showed it last. */
  readonly evidence?: string;
  readonly advice: string;
}

export interface DestinationView {
  readonly name: string;
  readonly domains: readonly string[];
  readonly hosts: readonly string[];
  readonly state: 'unknown' | 'up' | 'slow' | 'refusing' | 'down';
  /** What the state means, in words; undefined when nobody has to do anything. */
  readonly advice?: string | undefined;
  readonly since: number | undefined;
  readonly fails: number;
  /** What was seen last: `answered`, or what went wrong; empty when nothing was seen yet. */
  readonly lastText: string;
  readonly lastAt: number | undefined;
  /** While it is down: when it is asked next. */
  readonly nextProbeAt: number | undefined;
  /** Of its domains, those whose mail an operator holds. */
  readonly holds: readonly HoldView[];
  /** What it does that it ought not to, and what to do about it. */
  readonly habits: readonly HabitView[];
  /** Messages that wait for it. */
  readonly waiting: number;
}

/** An operator's hold of one domain's mail. */
export interface HoldView {
  readonly domain: string;
  readonly at: number;
  /** Undefined: until somebody ends it. */
  readonly until: number | undefined;
  readonly by: string;
  readonly text: string;
}

export interface AlertView {
  readonly kind: string;
  /** What it is about; empty for the gateway as a whole. */
  readonly subject: string;
  readonly since: number;
  readonly text: string;
  readonly raisedAt: number | undefined;
}

export interface AlertsView {
  /** What people have been told of and is not over. */
  raised(): readonly AlertView[];
  /** Sends a test to each target, once. */
  test(): Promise<readonly { readonly target: string; readonly problem: string | undefined }[]>;
}

export interface HoldsView {
  /**
   * The domains that are meant by one of them: all that share its destination, or it alone; none when
   * it is not served here.
   */
  domains(domain: string, alone: boolean): readonly string[];
  /** One for each domain that is held and is not served here any more. */
  unserved(): readonly DestinationView[];
  hold(hold: HoldView): Promise<void>;
  /** Whether it was held. */
  resume(domain: string, by: string): Promise<boolean>;
}

export interface DestinationDetail extends DestinationView {
  /** Changes of state, oldest first; they survive a restart. */
  readonly history: readonly {
    readonly at: number;
    readonly state: DestinationView['state'];
    readonly text: string;
  }[];
  /** What was seen last, oldest first, since the gateway runs. */
  readonly answers: readonly {
    readonly at: number;
    readonly kind: 'answered' | 'temporary' | 'unreachable';
    readonly ms: number | undefined;
    readonly text: string;
  }[];
  /** When it last gave a normal answer. */
  readonly goodAt: number | undefined;
  readonly connections: {
    readonly busy: number;
    readonly kept: number;
    readonly waiting: number;
    readonly max: number;
  };
  /** Deliveries from the queue, now and at most; undefined when there are none. */
  readonly pace: { readonly running: number; readonly limit: number } | undefined;
  readonly waitingBy: readonly { readonly domain: string; readonly messages: number }[];
}

export interface RecipientView {
  readonly address: string;
  readonly answer: 'known' | 'unknown';
  readonly origin: string;
  readonly destination: string;
  /** Of a split domain: the one of its servers that this is about. */
  readonly server?: string;
  /** When somebody said so last. */
  readonly at: number;
  /** When its destination did; undefined when it never did. */
  readonly askedAt: number | undefined;
  /** Outages not counted. */
  readonly ageMs: number;
  /** Until it is forgotten, counted in the same way; undefined: never. */
  readonly leftMs: number | undefined;
  readonly fresh: boolean;
}

/** What would happen to a recipient now; no mail is sent, the destination may be asked. */
export interface RecipientTrial {
  readonly domain: string | undefined;
  readonly destination: string | undefined;
  readonly result: 'accepted' | 'rejected' | 'tempfailed';
  readonly source: string;
  readonly reply: string;
}

/** No domain of ours, or one whose recipients stand in a list or need not be known. */
export type NotRemembered = 'not-hosted' | 'not-asked';

/** What became of an address that was imported. */
export interface Lesson {
  /** `full`: so many are known of its destination that no more fit. */
  readonly result: 'remembered' | 'pinned' | 'full' | 'which-server' | NotRemembered;
  /** As what it is remembered: the same for addresses that are one to its domain. */
  readonly key?: string;
  /** A server was named that is not the one of its domain, which has no other. */
  readonly isServerNeedless?: boolean;
}

export interface RecipientsView {
  list(): AsyncIterable<RecipientView>;
  /** What is remembered; nothing when it was never asked or is too old. */
  show(address: Address): Promise<RecipientView | undefined>;
  /** `server` names one of a split domain; without it, the one that knows the address. */
  pin(
    address: Address,
    answer: 'known' | 'unknown',
    server?: string,
  ): Promise<'pinned' | 'which-server' | NotRemembered>;
  /** From an import; `server` names one of a split domain, and counts for no other. */
  learn(address: Address, server?: string): Promise<Lesson>;
  forget(address: Address): Promise<boolean>;
  test(address: Address, signal: AbortSignal): Promise<RecipientTrial>;
}

export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly severity: 'error' | 'warning';
  readonly path: string;
  readonly text: string;
}

export interface ReloadResult {
  readonly ok: boolean;
  /** Errors when refused; otherwise warnings, if any. */
  readonly problems: readonly ConfigProblem[];
  /** Keys that changed and take effect only when the gateway is started anew. */
  readonly needsRestart: readonly string[];
}
