/**
 * attachments: judges attachments by their names, their declared types and what their bytes are.
 *
 * All names of a part count, in Content-Disposition and in Content-Type, however they are encoded,
 * and so do files in old uuencoded form; names are compared without folders, unseen characters and
 * the dots and spaces that Windows drops. What a file is shows in its first bytes, whatever it is
 * called. A name is disguised when it turns the direction of writing, hides its end behind spaces, or
 * has a harmless extension before a dangerous one. Mails attached to mails are looked into.
 *
 * Each rule has its own action: `reject` (550), `quarantine`, `tag` (a field X-Attachment-Rule),
 * `score` (adds `score`), or `off`. What cannot be examined, because it has more parts or is nested
 * more deeply than the limits allow, meets `unexamined_action`; content that cannot be read is an
 * error, and `on_error` decides.
 *
 * It does not look into archives or documents: macros and files within a zip are not found here.
 */
import { setImmediate } from 'node:timers/promises';
import type { ContentView, OptionSchema, Plugin, Verdict } from 'sluice-mx/plugin';
import { FILE_KINDS, fileKind } from './attachments/file-kind.ts';
import { isDisguised, matches, realName } from './attachments/file-name.ts';
import type { Part } from './attachments/mime-walk.ts';
import { MimeWalk } from './attachments/mime-walk.ts';

const ACTIONS = ['reject', 'quarantine', 'tag', 'score', 'off'] as const;

const OPTIONS = {
  names: {
    type: 'strings',
    default: [
      ...['*.exe', '*.com', '*.scr', '*.pif', '*.bat', '*.cmd', '*.cpl', '*.dll', '*.msi', '*.msp'],
      ...['*.mst', '*.msc', '*.jar', '*.vb', '*.vbs', '*.vbe', '*.js', '*.jse', '*.ws', '*.wsf'],
      ...['*.wsh', '*.wsc', '*.sct', '*.hta', '*.ps1', '*.psm1', '*.reg', '*.lnk', '*.scf'],
      ...['*.chm', '*.hlp', '*.shb', '*.shs', '*.iso', '*.img', '*.vhd', '*.vhdx', '*.xll'],
      ...['*.gadget', '*.application', '*.appref-ms', '*.settingcontent-ms', '*.library-ms'],
      ...['*.search-ms', '*.diagcab'],
    ],
    doc: 'Names that the rule is about, with `*` and `?`, in any letter case.',
  },
  names_action: { type: 'string', oneOf: ACTIONS, default: 'reject', doc: 'For such names.' },
  types: {
    type: 'strings',
    default: ['application/x-msdownload', 'application/x-msdos-program', 'application/hta'],
    doc: 'Declared types that the rule is about, with `*` and `?`.',
  },
  types_action: { type: 'string', oneOf: ACTIONS, default: 'reject', doc: 'For such types.' },
  kinds: {
    type: 'strings',
    default: ['exe', 'elf', 'mach-o', 'lnk', 'chm', 'iso', 'vhdx', 'svg-script'],
    oneOf: FILE_KINDS,
    doc: 'What files are by their bytes.',
  },
  kinds_action: { type: 'string', oneOf: ACTIONS, default: 'reject', doc: 'For such files.' },
  disguise_action: {
    type: 'string',
    oneOf: ACTIONS,
    default: 'reject',
    doc: 'For names that hide what the file is.',
  },
  unexamined_action: {
    type: 'string',
    oneOf: ACTIONS,
    default: 'quarantine',
    doc: 'For mail with too many parts, or parts that cannot be followed.',
  },
  score: { type: 'number', min: 0, max: 100, default: 4, doc: 'What `score` adds, once a mail.' },
  max_parts: { type: 'number', min: 1, max: 100_000, default: 10_000, doc: 'Parts of one mail.' },
  max_depth: { type: 'number', min: 1, max: 200, default: 50, doc: 'Parts within parts.' },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;
type Action = (typeof ACTIONS)[number];

/** A rule that something matched; the text has nothing of the mail in it. */
interface Hit {
  readonly test: string;
  readonly action: Action;
  readonly text: string;
  /** For log and field: printable ASCII. */
  readonly what: string;
}

/** Bytes after which others get their turn. */
const TURN_BYTES = 128 * 1024;
const SEVERITY: Record<Action, number> = { off: 0, score: 1, tag: 2, quarantine: 3, reject: 4 };

export default {
  name: 'attachments',
  service: 'virus',
  options: OPTIONS,
  hooks: {
    async content(view, signal) {
      /** One of each rule is enough. */
      const hits = new Map<string, Hit>();
      const note = (hit: Hit | undefined) => {
        if (hit !== undefined && hit.action !== 'off') hits.set(hit.test, hit);
      };
      const { max_parts: parts, max_depth: depth } = view.options;
      const names = view.options.names.map((pattern) => pattern.toLowerCase());
      const walk = new MimeWalk({ parts, depth }, (part) => {
        for (const hit of hitsOf(part, view.options, names)) note(hit);
      });
      let turn = 0;
      let bytes = 0;
      for await (const chunk of view.content.read()) {
        signal.throwIfAborted();
        walk.push(chunk);
        bytes += chunk.length;
        turn += chunk.length;
        if (turn < TURN_BYTES) continue;
        turn = 0;
        await setImmediate();
      }
      if (bytes !== view.content.sizeBytes) throw new Error('content is not whole');
      walk.end();
      const { problem } = walk;
      if (problem !== undefined) {
        const text = `Attachments cannot be examined: ${problem}`;
        const action = view.options.unexamined_action;
        note({ test: 'ATTACHMENT_UNEXAMINED', action, text, what: problem });
      }
      return verdictOf([...hits.values()], view.options.score);
    },
  },
} satisfies Plugin<typeof OPTIONS>;

function hitsOf(part: Part, options: View['options'], names: readonly string[]): Hit[] {
  const hits: Hit[] = [];
  const { names_action, types_action, kinds_action, disguise_action } = options;
  for (const name of part.names) {
    const file = realName(name);
    const pattern = names.find((one) => matches(one, file));
    if (pattern !== undefined) {
      hits.push(hit('ATTACHMENT_NAME', names_action, 'named', pattern));
    }
    if (isDisguised(name)) {
      const text = 'The name of an attachment hides what it is';
      const what = 'disguised name';
      hits.push({ test: 'ATTACHMENT_DISGUISED', action: disguise_action, text, what });
    }
  }
  for (const type of part.types) {
    const pattern = options.types.find((one) => matches(one.toLowerCase(), type));
    if (pattern !== undefined) hits.push(hit('ATTACHMENT_TYPE', types_action, 'of type', pattern));
  }
  for (const head of part.heads) {
    const kind = fileKind(head);
    if (kind !== undefined && options.kinds.includes(kind)) {
      hits.push(hit('ATTACHMENT_KIND', kinds_action, 'of kind', kind));
    }
  }
  return hits;
}

function hit(test: string, action: Action, relation: string, pattern: string): Hit {
  const what = pattern.replace(/[^\x20-\x7e]+/g, '?').slice(0, 100);
  return { test, action, text: `Attachments ${relation} ${what} are not accepted`, what };
}

function verdictOf(hits: readonly Hit[], score: number): Verdict | undefined {
  const [worst] = hits.toSorted((a, b) => SEVERITY[b.action] - SEVERITY[a.action]);
  if (worst === undefined) return undefined;
  const evidence = {
    tests: hits.map(({ test }) => test),
    results: { attachment: worst.what },
    fields: hits
      .filter(({ action }) => action === 'tag')
      .map(({ test, what }) => ({ name: 'X-Attachment-Rule', value: `${test} ${what}` })),
    ...(hits.some(({ action }) => action === 'score') ? { score } : {}),
  };
  const { text } = worst;
  switch (worst.action) {
    case 'reject':
      return { kind: 'refuse', reason: 'attachment', text, detail: '7.1', ...evidence };
    case 'quarantine':
      return { kind: 'quarantine', reason: 'attachment', text, ...evidence };
    case 'tag':
    case 'score':
    case 'off':
      return { kind: 'pass', ...evidence };
  }
}
