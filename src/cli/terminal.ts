/**
 * Where the command line writes: a terminal, or a pipe or file. On a terminal, tables are cut to its
 * width and verbs are coloured (not with `NO_COLOR`); elsewhere nothing is cut and nothing coloured.
 * Whatever came from the network goes through `printable` before a terminal sees it.
 */
export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'dim';

export interface Terminal {
  /** Undefined when it is no terminal. */
  readonly columns: number | undefined;
  readonly hasColour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when the text is taken; a reader that went away ends the command quietly. */
  out(text: string | Uint8Array): Promise<void>;
  err(text: string): void;
  /** The next line typed by a person; undefined when nobody can be asked. */
  ask(question: string): Promise<string | undefined>;
  /** The first line of what is piped in; undefined when nothing is. */
  input(): Promise<string | undefined>;
  now(): number;
}

/** Longer than any line that a command asks for. */
const MAX_INPUT = 64 * 1024;

/** The reader of our output is gone, as with `| head`. */
export class OutputClosed extends Error {}

const CODES: Readonly<Record<Colour, number>> = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  dim: 2,
};

export function coloured(
  terminal: Pick<Terminal, 'hasColour'>,
  colour: Colour | undefined,
  text: string,
): string {
  if (!terminal.hasColour || colour === undefined) return text;
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}

/**
 * Escapes what could move the cursor, change colours or turn the direction of the text: control
 * characters (C0, DEL, C1), line and paragraph separators, bidirectional controls.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

export function processTerminal(): Terminal {
  const { stdout, stderr, stdin, env } = process;
  // A reader that goes away is told to `out` as well; without a listener it would end the process.
  stdout.on('error', () => undefined);
  return {
    columns: stdout.isTTY ? stdout.columns || 80 : undefined,
    hasColour: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    env,
    out: (text) =>
      new Promise((resolve, reject) => {
        stdout.write(text, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(new OutputClosed());
        });
      }),
    err: (text) => {
      stderr.write(text);
    },
    ask: async (question) => {
      if (!stdin.isTTY || !stderr.isTTY) return undefined;
      stderr.write(question);
      for await (const chunk of stdin) return String(chunk).trim();
      return undefined;
    },
    input: async () => {
      if (stdin.isTTY) return undefined;
      let text = '';
      for await (const chunk of stdin) {
        text += String(chunk);
        if (text.includes('\n') || text.length > MAX_INPUT) break;
      }
      return text === '' ? undefined : (text.split(/\r?\n/, 1)[0] ?? '');
    },
    now: () => Date.now(),
  };
}
