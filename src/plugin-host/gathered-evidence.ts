/**
 * What filters have said of a transaction so far, kept from stage to stage until the content is
 * judged. One verdict for each plugin and stage: a new HELO takes the place of the one before, and of
 * several recipients the gravest counts, once, for a message to many is no worse than one to few.
 * What a plugin with a service says counts only for domains that have the service.
 */
import type { SpamExemption, Verdict } from '../mail/verdict.ts';
import { gravest, strongestExemption } from '../mail/verdict.ts';
import type { Plugin } from '../plugin.ts';
import type { Stage } from './plugin-file.ts';

export interface Said {
  readonly stage: Stage;
  readonly plugin: string;
  readonly service: Plugin['service'];
  readonly verdict: Verdict;
}

/** Whose services decide what counts; undefined: nobody's yet, all of it does. */
interface Served {
  readonly services: ReadonlySet<string>;
}

export class GatheredEvidence {
  /** Undefined until somebody says something: without filters nobody will. */
  #said: Map<string, Said> | undefined;

  constructor(before?: GatheredEvidence) {
    if (before?.isEmpty === false) this.#said = new Map(before.#said);
  }

  get isEmpty(): boolean {
    return this.#said === undefined || this.#said.size === 0;
  }

  add(said: Said): void {
    const key = `${said.stage} ${said.plugin}`;
    this.#said ??= new Map();
    const known = this.#said.get(key);
    const verdict = known === undefined ? said.verdict : gravest(known.verdict, said.verdict);
    this.#said.set(key, { ...said, verdict });
  }

  addAll(other: GatheredEvidence): void {
    for (const said of other.#said?.values() ?? []) this.add(said);
  }

  /** What was said in this stage counts no more: it begins anew. */
  forget(stage: Stage): void {
    for (const [key, said] of this.#said ?? []) if (said.stage === stage) this.#said?.delete(key);
  }

  said(domain: Served | undefined): Said[] {
    return [...(this.#said?.values() ?? [])].filter(
      ({ service }) => service === undefined || domain?.services.has(service) !== false,
    );
  }

  verdicts(domain: Served | undefined): Verdict[] {
    return this.said(domain).map(({ verdict }) => verdict);
  }

  /** Whether the mail is exempt from the judgement of spam, as far as is known. */
  get exemption(): SpamExemption | undefined {
    return strongestExemption(this.verdicts(undefined));
  }

  score(domain: Served | undefined): number {
    return this.verdicts(domain).reduce((sum, { score = 0 }) => sum + score, 0);
  }
}
