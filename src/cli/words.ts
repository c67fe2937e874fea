/**
 * The words of a command line before its options are read: unambiguous prefixes are made whole
 * (`sluice q li`), `help queue list` becomes the command's own help, and a misspelling is told apart
 * from what belongs to a later version.
 */
import { didYouMean } from '../config/suggestion.ts';

export interface Nouns {
  /** Noun -> its verbs; empty for a noun that stands alone. */
  readonly known: ReadonlyMap<string, readonly string[]>;
  /** `account`, `queue shape`: promised, not built yet. */
  readonly later: readonly string[];
}

export type Expanded =
  | { readonly ok: true; readonly args: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** Options before the verb that take the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set(['-c', '--config', '--socket']);
/** Noun and verb: what comes after may be an address or an id. */
const MAX_WORDS = 2;

export function expandWords(args: readonly string[], nouns: Nouns): Expanded {
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && !isValue(args, index));
  const first = args[at] ?? '';
  const asked = args.filter((_, index) => index !== at);
  if (first !== 'help' || asked.every((arg) => arg.startsWith('-')))
    return expandCommand(args, nouns);
  const expanded = expandCommand(asked, nouns);
  return expanded.ok ? { ok: true, args: [...expanded.args, '--help'] } : expanded;
}

function isValue(args: readonly string[], index: number): boolean {
  return WITH_VALUE.has(args[index - 1] ?? '');
}

function expandCommand(args: readonly string[], nouns: Nouns): Expanded {
  const expanded = [...args];
  const words: string[] = [];
  for (let index = 0; index < args.length && words.length < MAX_WORDS; index++) {
    const arg = args[index] ?? '';
    if (WITH_VALUE.has(arg)) index += 1;
    if (arg.startsWith('-')) continue;
    const [noun] = words;
    const choices = noun === undefined ? [...nouns.known.keys()] : (nouns.known.get(noun) ?? []);
    if (noun !== undefined && choices.length === 0) break;
    const soFar = [...words, arg].join(' ');
    if (nouns.later.includes(soFar)) {
      return { ok: false, problem: `"${soFar}" is not in this version` };
    }
    const found = choices.includes(arg) ? [arg] : choices.filter((word) => word.startsWith(arg));
    if (found.length > 1) {
      return { ok: false, problem: `"${soFar}" may mean ${found.join(', ')}` };
    }
    const [word] = found;
    if (word === undefined) return { ok: false, problem: unknown(noun, arg, choices) };
    expanded[index] = word;
    words.push(word);
  }
  return { ok: true, args: expanded };
}

function unknown(noun: string | undefined, word: string, choices: readonly string[]): string {
  const before = noun === undefined ? '' : `${noun} `;
  const whole = choices.map((choice) => before + choice);
  const near = didYouMean(word, choices).replace('mean "', `mean "${before}`);
  const list = `; there is ${whole.join(', ')}`;
  return `unknown command "${before}${word}"${near === '' ? list : near}`;
}
