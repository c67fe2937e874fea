/**
 * attachments: judges attachments by their names, their types, what they are and what documents hold.
 *
 * All names of a part count, in Content-Disposition and in Content-Type, however they are encoded, in
 * every way that programs read a broken field, and so do files in old uuencoded form; names are
 * compared without folders, unseen characters and the dots and spaces that Windows drops. What a file
 * is shows in its first bytes, whatever it is called. A name is disguised when it turns the direction
 * of writing, hides its end behind spaces, or has a harmless extension before a dangerous one. Mails
 * attached to mails are looked into, by their type or a name with .eml, also when they are encoded;
 * so are parts whose boundary is not declared, and a multipart that is encoded as a whole.
 *
 * Documents of Word, Excel, PowerPoint, Outlook and OpenDocument are looked into, under any name, in
 * archives and within each other: VBA projects (with or without code in them), macro sheets of
 * Excel 4, macros of OpenDocument, and fields and links that start programs by DDE, also in RTF, SYLK
 * and CSV. Documents and archives that need a password are told from the others. This happens in
 * threads of their own; a document that takes more time or memory than the limits allow counts as
 * unexamined, and so does one that is damaged.
 *
 * Each rule has its own action: `reject` (550), `quarantine`, `tag` (a field X-Attachment-Rule),
 * `score` (adds `score`), or `off`. What cannot be examined, because it has more parts or is nested
 * more deeply than the limits allow, or is one piece of a message that comes in several
 * (message/partial), meets `unexamined_action`; content that cannot be read is an error, and
 * `on_error` decides.
 *
 * Files that somebody has put into a document (objects of the class Package, also in RTF) and those in
 * notebooks of OneNote meet the rules for archives as well.
 *
 * In archives the rules for names, kinds and disguises count too (`archives`): zip, tar and gz, and the
 * winmail.dat of Outlook, are looked into, also within each other; of bz2, xz and lzma the first MiB, of
 * RAR and 7z the names are read. An archive whose list cannot be read is unexamined, or encrypted where
 * that is why. Documents packed in RAR or 7z, or in a larger bz2, xz or lzma, are not looked into, and
 * neither are other archives and PDF: who does not want them refuses their `kinds`. What programs only open
 * under its own name, such as a zip behind foreign bytes or a virtual disk of fixed size, which is marked
 * at its end alone, is known by that name.
 */
import { setImmediate } from 'node:timers/promises';
import type { ContentView, OptionSchema, Plugin, PluginHost, Verdict } from 'sluice-mx/plugin';
import { DocumentExaminer } from './attachments/document-examiner.ts';
import { documentKind, PROBE_BYTES } from './attachments/document-kind.ts';
import { FILE_KINDS, fileKind } from './attachments/file-kind.ts';
import { isDisguised, matches, realNames } from './shared/file-name.ts';
import type { Finding, Found } from './attachments/finding.ts';
import type { Part } from './shared/mime-walk.ts';
import { MimeWalk } from './shared/mime-walk.ts';
import type { KeepRule, KeptContent } from './shared/part-content.ts';
import type { Hit } from './attachments/rule-hit.ts';
import { ACTIONS, hit, verdictOf } from './attachments/rule-hit.ts';

const OPTIONS = {
  names: {
    type: 'strings',
    default: [
      ...['*.exe', '*.com', '*.scr', '*.pif', '*.bat', '*.cmd', '*.cpl', '*.dll'],
      ...['*.msi', '*.msp', '*.mst', '*.msc', '*.jar', '*.vb', '*.vbs', '*.vbe'],
      ...['*.js', '*.jse', '*.ws', '*.wsf', '*.wsh', '*.wsc', '*.sct', '*.hta'],
      ...['*.ps1', '*.psm1', '*.reg', '*.lnk', '*.scf', '*.chm', '*.hlp', '*.shb'],
      ...['*.shs', '*.iso', '*.img', '*.vhd', '*.vhdx', '*.xll', '*.gadget', '*.application'],
      ...['*.appref-ms', '*.settingcontent-ms', '*.library-ms', '*.search-ms'],
      ...['*.diagcab', '*.ade', '*.adp', '*.appinstaller'],
      ...['*.appx', '*.appxbundle', '*.diagcfg', '*.drv', '*.ins', '*.isp', '*.jnlp', '*.mde'],
      ...['*.msix', '*.msixbundle', '*.mjs', '*.nsh', '*.ocx', '*.sys', '*.vbscript'],
      ...['*.vxd', '*.xbap', '*.searchconnector-ms', '*.ps1xml', '*.psc1', '*.cdxml'],
      ...[
        '*.msu',
        '*.theme',
        '*.themepack',
        '*.deskthemepack',
        '*.vsto',
        '*.pyw',
        '*.pyz',
        '*.pyzw',
      ],
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
    default: ['exe', 'elf', 'mach-o', 'lnk', 'chm', 'iso', 'vhd', 'vhdx', 'svg-script'],
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
  archives: {
    type: 'boolean',
    default: true,
    doc: 'Whether `names`, `kinds` and disguises are about files in archives too.',
  },
  macros: {
    type: 'strings',
    default: ['vba', 'xlm', 'basic', 'dde'],
    oneOf: ['vba', 'xlm', 'basic', 'dde'],
    doc: 'What the rule for macros is about: `xlm` is Excel 4, `basic` OpenDocument.',
  },
  macros_action: {
    type: 'string',
    oneOf: ACTIONS,
    default: 'reject',
    doc: 'For documents with such macros.',
  },
  encrypted_action: {
    type: 'string',
    oneOf: ACTIONS,
    default: 'off',
    doc: 'For documents and archives that need a password.',
  },
  unexamined_action: {
    type: 'string',
    oneOf: ACTIONS,
    default: 'quarantine',
    doc: 'For mail with too many parts, or parts and documents that cannot be followed.',
  },
  score: { type: 'number', min: 0, max: 100, default: 4, doc: 'What `score` adds, once a mail.' },
  max_parts: { type: 'number', min: 1, max: 100_000, default: 10_000, doc: 'Parts of one mail.' },
  max_depth: { type: 'number', min: 1, max: 200, default: 50, doc: 'Parts within parts.' },
  max_document: {
    type: 'size',
    default: '64MiB',
    doc: 'The largest document that is looked into.',
  },
  max_unpacked: {
    type: 'size',
    default: '256MiB',
    doc: 'What may come out of one document or archive; 64 MiB of one file in it.',
  },
  max_nested: { type: 'number', min: 0, max: 50, default: 8, doc: 'Documents within documents.' },
  document_timeout: {
    type: 'duration',
    default: '10s',
    doc: 'Longest time for one document; its turn may be waited for besides.',
  },
} as const satisfies OptionSchema;

type View = ContentView<typeof OPTIONS>;

/** Bytes after which others get their turn. */
const TURN_BYTES = 128 * 1024;

export default {
  name: 'attachments',
  service: 'virus',
  options: OPTIONS,
  setup(host) {
    const examiner = new DocumentExaminer();
    return {
      hooks: { content: (view, signal) => judge(host, examiner, view, signal) },
      stop: () => examiner.stop(),
    };
  },
} satisfies Plugin<typeof OPTIONS>;

async function judge(
  host: PluginHost,
  examiner: DocumentExaminer,
  view: View,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { options } = view;
  /** One of each rule is enough. */
  const hits = new Map<string, Hit>();
  const note = (found: readonly Hit[]) => {
    for (const one of found) if (one.action !== 'off') hits.set(one.test, one);
  };
  const names = options.names.map((pattern) => pattern.toLowerCase());
  const documents: (KeptContent & { readonly name: string })[] = [];
  const rules = options.archives ? { names, kinds: options.kinds } : { names: [], kinds: [] };
  const limits = { parts: options.max_parts, depth: options.max_depth };
  const onPart = (part: Part) => {
    note(hitsOf(part, options, names));
    const name = namesIn(part.names);
    for (const kept of part.kept) documents.push({ ...kept, name });
  };
  const walk = new MimeWalk(limits, onPart, keepRule(options));
  const examineDocuments = async () => {
    for (let next = documents.shift(); next !== undefined; next = documents.shift()) {
      const { pieces, name } = next;
      const nested = { bytes: options.max_unpacked, depth: options.max_nested };
      const deadline = options.document_timeout;
      if (!next.isWhole) {
        note([unexamined('a document is too large', options)]);
        continue;
      }
      const task = { pieces, name, limits: nested, rules };
      const answer = await examiner.examine(task, deadline, signal);
      if (answer.kind === 'found') note(foundHits(answer.found, options));
      else {
        host.log('warn', `${view.id}: ${answer.error}`);
        note([unexamined('a document cannot be read', options)]);
      }
    }
  };
  let turn = 0;
  let bytes = 0;
  for await (const chunk of view.content.read()) {
    signal.throwIfAborted();
    walk.push(chunk);
    bytes += chunk.length;
    turn += chunk.length;
    await examineDocuments();
    if (turn < TURN_BYTES) continue;
    turn = 0;
    await setImmediate();
  }
  if (bytes !== view.content.sizeBytes) throw new Error('content is not whole');
  walk.end();
  await examineDocuments();
  if (walk.problem !== undefined) note([unexamined(walk.problem, options)]);
  return verdictOf([...hits.values()], options.score);
}

function keepRule(options: View['options']): KeepRule | undefined {
  if (options.macros_action === 'off' && options.encrypted_action === 'off' && !options.archives) {
    return undefined;
  }
  return {
    isWanted: (head, { names }) => documentKind(head, namesIn(names)) !== undefined,
    ...{ probe: PROBE_BYTES, limit: options.max_document },
  };
}

function hitsOf(part: Part, options: View['options'], names: readonly string[]): Hit[] {
  const hits: Hit[] = [];
  const { names_action, types_action, kinds_action, disguise_action } = options;
  for (const name of part.names) {
    for (const file of realNames(name)) {
      const pattern = names.find((one) => matches(one, file));
      if (pattern === undefined) continue;
      hits.push(hit('ATTACHMENT_NAME', names_action, 'named', pattern));
    }
    if (isDisguised(name)) hits.push(disguised(disguise_action));
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

/** All of them count; each is a line. */
function namesIn(names: readonly string[]): string {
  return names.flatMap(realNames).join('\n');
}

const MACROS = {
  vba: 'VBA macros',
  xlm: 'Excel 4 macros',
  basic: 'OpenDocument macros',
  dde: 'DDE links',
} as const;

function foundHits(found: Found, options: View['options']): Hit[] {
  const { names_action, kinds_action, disguise_action, archives } = options;
  return [
    ...found.findings.flatMap((finding) => findingHits(finding, options)),
    ...found.names.map((one) => hit('ATTACHMENT_NAME', names_action, 'with files named', one)),
    ...found.kinds.map((one) => hit('ATTACHMENT_KIND', kinds_action, 'with files of kind', one)),
    ...(found.isDisguised && archives ? [disguised(disguise_action)] : []),
  ];
}

function findingHits(finding: Finding, options: View['options']): Hit[] {
  switch (finding) {
    case 'encrypted':
      return [hit('ATTACHMENT_ENCRYPTED', options.encrypted_action, 'that are', 'encrypted')];
    case 'unexamined':
      return [unexamined('a document cannot be read', options)];
    case 'vba':
    case 'xlm':
    case 'basic':
    case 'dde':
      return options.macros.includes(finding)
        ? [hit('ATTACHMENT_MACRO', options.macros_action, 'with', MACROS[finding])]
        : [];
  }
}

function unexamined(problem: string, { unexamined_action: action }: View['options']): Hit {
  const text = `Attachments cannot be examined: ${problem}`;
  return { test: 'ATTACHMENT_UNEXAMINED', action, text, what: problem };
}

function disguised(action: Hit['action']): Hit {
  const text = 'The name of an attachment hides what it is';
  return { test: 'ATTACHMENT_DISGUISED', action, text, what: 'disguised name' };
}
