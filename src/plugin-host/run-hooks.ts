/**
 * Runs the hooks of a stage and combines what they say. The hooks before the content run in the
 * order of the configuration until one refuses; those of the content side by side. Whatever a hook
 * does (throws, hangs, answers too late or nonsense) becomes its `on_error`; no exception leaves
 * here, and no mail passes unjudged unless the configuration says `on_error: accept`. For whom mail is to
 * be kept until they judge it (`on_error: hold`) is told beside the verdict.
 *
 * What the stages before the content found is kept in `GatheredEvidence` and counts at the end.
 *
 * A host is never changed. A reload makes a new one; the old one serves the transactions that began
 * with it and is stopped when the last has ended.
 */
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { Log } from '../base/log.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { SpamExemption, Verdict } from '../mail/verdict.ts';
import { combine, conclude, PASS } from '../mail/verdict.ts';
import type {
  ConnectView,
  ContentView,
  DataView,
  EventView,
  Hooks,
  MailView,
  RcptView,
} from '../plugin.ts';
import { exempted } from './exemption.ts';
import type { Said } from './gathered-evidence.ts';
import { GatheredEvidence } from './gathered-evidence.ts';
import { HookLog } from './hook-log.ts';
import type { LoadedPlugin, PluginOptions } from './loaded-plugin.ts';
import type { OnError } from './on-error.ts';
import { onErrorVerdict } from './on-error.ts';
import type { OptionProblem, RawOptions } from './options.ts';
import type { Stage } from './plugin-file.ts';
import type { Probe } from './probes.ts';
import { Probes } from './probes.ts';
import { checkVerdict } from './verdict-check.ts';

/** Of a hosted domain, what its filters need to know. */
export interface FilteredDomain {
  readonly services: ReadonlySet<string>;
  /** Overrides by plugin name. */
  readonly pluginOptions: Readonly<Record<string, RawOptions>>;
}

/** What all filters say of a message together. */
export interface Findings {
  readonly verdict: Verdict;
  /** Those that have not judged it and for whom it is kept (`on_error: hold`). */
  readonly missing: readonly string[];
  /** By whom what was said, for a judgement to come. */
  readonly said: readonly Said[];
}

type EventStage = 'accepted' | 'delivered' | 'deferred' | 'failed';

/** What of a view the host itself looks at, for the log. */
interface LoggedView {
  readonly session?: SessionView;
  readonly id?: string;
}

const STOP_MS = 5000;

/** The signal's reason for hooks whose answer no longer matters. */
const DECIDED = new CodedError('STOPPING', 'another filter has refused the message');

export class PluginHost {
  readonly #plugins: readonly LoadedPlugin[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stages: ReadonlySet<string>;
  readonly #probes: Probes;

  constructor(plugins: readonly LoadedPlugin[], clock: Clock, log: Log) {
    this.#plugins = plugins;
    this.#clock = clock;
    this.#log = log;
    this.#probes = new Probes(plugins, clock, log);
    this.#stages = new Set(plugins.flatMap((plugin) => Object.keys(plugin.parts.hooks)));
  }

  /** Whether any plugin has a hook there; without one there is no need to make a view. */
  has(stage: Stage): boolean {
    return this.#stages.has(stage);
  }

  /** What is said goes into `evidence`, here and in the stages to come. */
  connect(view: ConnectView, evidence: GatheredEvidence, signal: AbortSignal): Promise<Verdict> {
    const stage = { stage: 'connect', view, evidence } as const;
    return this.#inOrder(stage, signal, (hooks, _options, s) => hooks.connect?.(view, s));
  }
  helo(view: ConnectView, evidence: GatheredEvidence, signal: AbortSignal): Promise<Verdict> {
    const stage = { stage: 'helo', view, evidence } as const;
    return this.#inOrder(stage, signal, (hooks, _options, s) => hooks.helo?.(view, s));
  }
  mail(view: MailView, evidence: GatheredEvidence, signal: AbortSignal): Promise<Verdict> {
    const stage = { stage: 'mail', view, evidence } as const;
    return this.#inOrder(stage, signal, (hooks, _options, s) => hooks.mail?.(view, s));
  }
  rcpt(
    view: Unjudged<RcptView>,
    domain: FilteredDomain,
    evidence: GatheredEvidence,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const stage = { stage: 'rcpt', view, domain, evidence } as const;
    return this.#inOrder(stage, signal, (hooks, { own: options }, s) =>
      hooks.rcpt?.({ ...view, options, ...soFar(evidence, domain) }, s),
    );
  }
  data(
    view: Unjudged<DataView>,
    domain: FilteredDomain,
    evidence: GatheredEvidence,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const stage = { stage: 'data', view, domain, evidence } as const;
    return this.#inOrder(stage, signal, (hooks, { own: options }, s) =>
      hooks.data?.({ ...view, options, ...soFar(evidence, domain) }, s),
    );
  }

  /**
   * All content hooks side by side; a refusal ends the others, for it cannot be overruled. The
   * verdict is about all that was found, in the stages before too. `only`: names of the filters that
   * are asked, for mail that the others have judged before.
   */
  async content(
    view: Unjudged<ContentView>,
    domain: FilteredDomain,
    signal: AbortSignal,
    evidence: GatheredEvidence = new GatheredEvidence(),
    only?: readonly string[],
  ): Promise<Findings> {
    const ended = new LinkedAbort(signal);
    const known = soFar(evidence, domain);
    const { exemption } = evidence;
    const asked = this.#serving('content', domain).filter(
      (one) => isHeard(one, exemption) && only?.includes(one.name) !== false,
    );
    const answers = await Promise.all(
      asked.map(async (plugin) => {
        const judged = await this.#judge(
          { plugin, stage: 'content', view, domain, signal: ended.signal },
          (hooks, options, s) => hooks.content?.({ ...view, options: options.own, ...known }, s),
        );
        if (judged === undefined) return [];
        const { name, service } = plugin;
        // What a proof may still overrule does not keep others from finding it.
        const isOpen = exemption === 'if-proven' && service === 'spam';
        if (judged.verdict.kind === 'refuse' && !isOpen) ended.abort(DECIDED);
        return [{ stage: 'content' as const, plugin: name, service, ...judged }];
      }),
    ).finally(() => ended.release());
    const found = answers.flat();
    const missing = found.filter(({ isMissing }) => isMissing === true);
    const all = [...evidence.said(domain), ...found];
    // Who sends as an account is who it says. What would prove others may be what is missing: then
    // nothing counts against them for want of it.
    const isProven = view.direction === 'out' || missing.length > 0;
    return {
      verdict: conclude(exempted(all, isProven), isProven),
      missing: missing.map(({ plugin }) => plugin),
      said: all.filter((one) => !missing.some((other) => other === one)),
    };
  }

  /** Whether a filter is in force that looks at the content of this domain's mail. */
  serves(name: string, domain: FilteredDomain): boolean {
    return this.#serving('content', domain).some((plugin) => plugin.name === name);
  }

  /** Tells the plugins what happened; nothing they do has any effect. */
  async happened(stage: EventStage, view: EventView, signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#serving(stage, undefined).map(async (plugin) => {
        const what = `plugin ${plugin.name}`;
        const { timeout } = plugin.options.common;
        try {
          const tell = async (s: AbortSignal) => plugin.parts.hooks[stage]?.(view, s);
          await withDeadline(this.#clock, timeout, what, tell, signal);
        } catch (error) {
          const fields = { id: view.id, plugin: plugin.name, hook: stage, err: errorText(error) };
          this.#log.emit('plugin.error', fields);
        }
      }),
    );
  }

  /** Asks the daemons behind the plugins; the log hears of each that went down or came back. */
  probes(signal: AbortSignal): Promise<Probe[]> {
    return this.#probes.ask(signal);
  }

  /** In the order of the configuration. */
  get plugins(): readonly LoadedPlugin[] {
    return this.#plugins;
  }

  /** What is wrong with a domain's overrides of plugin options; paths begin with the plugin's name. */
  checkOverrides(overrides: FilteredDomain['pluginOptions']): OptionProblem[] {
    return this.#plugins.flatMap((plugin) => {
      const own = overrides[plugin.name];
      if (own === undefined) return [];
      const problems = plugin.checkOverrides(own);
      return problems.map(({ path, text }) => ({ path: [plugin.name, ...path], text }));
    });
  }

  async stop(): Promise<void> {
    for (const plugin of this.#plugins) {
      try {
        const stop = async () => plugin.parts.stop?.();
        await withDeadline(this.#clock, STOP_MS, `plugin ${plugin.name} stops`, stop);
      } catch (error) {
        this.#log.emit('plugin.error', { plugin: plugin.name, err: errorText(error) });
      }
    }
  }

  #serving(stage: Stage, domain: FilteredDomain | undefined): readonly LoadedPlugin[] {
    return this.#plugins.filter(
      ({ parts, service }) =>
        parts.hooks[stage] !== undefined &&
        (service === undefined || domain === undefined || domain.services.has(service)),
    );
  }

  async #inOrder(
    { stage, view, domain, evidence }: StageAsked,
    signal: AbortSignal,
    call: CallHook,
  ): Promise<Verdict> {
    const verdicts: Verdict[] = [];
    for (const plugin of this.#serving(stage, domain)) {
      if (!isHeard(plugin, evidence.exemption)) continue;
      const judged = await this.#judge({ plugin, stage, view, domain, signal }, call);
      if (judged === undefined) continue;
      const { verdict } = judged;
      verdicts.push(verdict);
      if (verdict.kind === 'refuse' || verdict.kind === 'defer') break;
      const { name, service } = plugin;
      if (verdict !== PASS) evidence.add({ stage, plugin: name, service, verdict });
    }
    return verdicts.length === 0 ? PASS : combine(verdicts);
  }

  /** One hook, whatever it does: a verdict, or undefined when another plugin has decided already. */
  async #judge(asked: Asked, call: CallHook): Promise<Judged | undefined> {
    const { plugin, stage, view, domain, signal } = asked;
    const logged = { sid: view.session?.sid, id: view.id };
    const told = new HookLog(plugin, stage, logged, { clock: this.#clock, log: this.#log });
    let { common } = plugin.options;
    try {
      const options = plugin.optionsWith(domain?.pluginOptions[plugin.name]);
      common = options.common;
      const { hooks } = plugin.parts;
      const ask = () =>
        withDeadline(
          this.#clock,
          common.timeout,
          `plugin ${plugin.name}`,
          async (s) => call(hooks, options, s),
          signal,
        );
      const answer = await (stage === 'content'
        ? plugin.slots.run(common.timeout, signal, ask)
        : ask());
      const verdict = checkVerdict(answer);
      if (stage === 'content' || verdict !== PASS) told.result(verdict);
      return { verdict };
    } catch (error) {
      if (signal.reason === DECIDED) return undefined;
      // The client left: there is nobody to answer, and nothing may pass for want of a judgement.
      if (signal.aborted) return { verdict: onErrorVerdict(plugin, 'defer') };
      const policy = policyAt(stage, common.on_error);
      told.failure(error, policy);
      return { verdict: onErrorVerdict(plugin, policy), isMissing: policy === 'hold' };
    }
  }
}

function isHeard({ service }: LoadedPlugin, exemption: SpamExemption | undefined): boolean {
  return service !== 'spam' || exemption !== 'always';
}

function soFar(evidence: GatheredEvidence, domain: FilteredDomain) {
  return { score: evidence.score(domain), spamExempt: evidence.exemption };
}

/** Only what is behind the final dot can be kept until it is judged. */
function policyAt(stage: Stage, policy: OnError): OnError {
  return policy === 'hold' && stage !== 'content' ? 'defer' : policy;
}

interface Judged {
  readonly verdict: Verdict;
  /** Nobody has judged it; the mail is kept until somebody has. */
  readonly isMissing?: boolean;
}

/** What the host itself adds to a view. */
type Unjudged<View> = Omit<View, 'options' | 'score' | 'spamExempt'>;

interface StageAsked {
  readonly stage: Stage;
  readonly view: LoggedView;
  readonly domain?: FilteredDomain;
  readonly evidence: GatheredEvidence;
}

interface Asked {
  readonly plugin: LoadedPlugin;
  readonly stage: Stage;
  readonly view: LoggedView;
  readonly domain: FilteredDomain | undefined;
  readonly signal: AbortSignal;
}

type CallHook = (hooks: Hooks, options: PluginOptions, signal: AbortSignal) => unknown;
