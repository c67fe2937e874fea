/**
 * Changes to the accounts of a domain file as text, so that comments, order and form of everything
 * else stay as the operator wrote them: only the account itself is written anew. What comes out is
 * read again and must say just what was asked for; else nothing is changed (`undefined`), such as
 * where accounts are written with anchors.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Document, Node, Pair, ParsedNode, YAMLMap, YAMLSeq } from 'yaml';
import { Document as YamlDocument, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import { isGroup } from './yaml-source.ts';

/** Keys and values of an account, as in the file. */
export type AccountValues = Readonly<Record<string, unknown>>;

export interface SettingChange {
  /** `['limits', 'recipients_per_day']`. */
  readonly path: readonly string[];
  /** Undefined: the setting goes. */
  readonly value: unknown;
}

const FORM = { lineWidth: 0 } as const;

/** With one more account at the end of the list; `enable` switches sending on. */
export function withAccount(
  text: string,
  account: AccountValues,
  enable: boolean,
): string | undefined {
  const before = valueOf(text);
  const outgoing = isGroup(before?.['outgoing']) ? before['outgoing'] : {};
  const accounts = Array.isArray(outgoing['accounts']) ? outgoing['accounts'] : [];
  const wanted = {
    ...before,
    outgoing: {
      ...outgoing,
      ...(enable && { enabled: true }),
      accounts: [...(accounts as unknown[]), account],
    },
  };
  if (before === undefined || !isGroup(before['outgoing'])) {
    const section = withSection(text, flowForm(account), enable);
    return proven(section, wanted);
  }
  const enabled = enable && outgoing['enabled'] !== true ? withEnabled(text) : text;
  return proven(enabled && insertion(enabled, account), wanted);
}

/** With sending switched on. */
export function withSendingOn(text: string): string | undefined {
  const before = valueOf(text);
  if (!isGroup(before?.['outgoing'])) return undefined;
  const { outgoing } = before;
  if (outgoing['enabled'] === true) return text;
  return proven(withEnabled(text), { ...before, outgoing: { ...outgoing, enabled: true } });
}

/** With other settings of the account that stands at `index`. */
export function withSettings(
  text: string,
  index: number,
  changes: readonly SettingChange[],
): string | undefined {
  const doc = parseDocument(text);
  const item = accountsOf(doc)?.items[index];
  if (!isMap<ParsedNode, ParsedNode>(item)) return undefined;
  const wanted = withChanged(valueOf(text), index, (account) => {
    const copy = new YamlDocument(account);
    for (const change of changes) apply(copy, change);
    return copy.toJS() as unknown;
  });
  const copy = new YamlDocument<YAMLMap, false>(item.clone() as YAMLMap);
  for (const change of changes) apply(copy, change);
  // What stands around it is not within the range that is written anew.
  if (copy.contents !== null) Object.assign(copy.contents, { commentBefore: null, comment: null });
  return proven(replaced(text, item, copy.toString(FORM)), wanted);
}

/** Without the account that stands at `index`. */
export function withoutAccount(text: string, index: number): string | undefined {
  const doc = parseDocument(text);
  const list = accountsOf(doc);
  const item = list?.items[index];
  if (list === undefined || !isNode(item) || !item.range) return undefined;
  const wanted = withChanged(valueOf(text), index, () => undefined);
  return proven(removal(text, list, index), wanted);
}

function accountsOf(doc: Document.Parsed): YAMLSeq<ParsedNode> | undefined {
  const list = doc.getIn(['outgoing', 'accounts'], true);
  return isSeq<ParsedNode>(list) ? list : undefined;
}

function valueOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const value: unknown = parseDocument(text).toJS();
  return isGroup(value) ? value : undefined;
}

function withChanged(
  before: Readonly<Record<string, unknown>> | undefined,
  index: number,
  change: (account: unknown) => unknown,
): unknown {
  const outgoing = before?.['outgoing'];
  if (!isGroup(outgoing) || !Array.isArray(outgoing['accounts'])) return undefined;
  const accounts = (outgoing['accounts'] as unknown[])
    .map((account, at) => (at === index ? change(account) : account))
    .filter((account) => account !== undefined);
  return { ...before, outgoing: { ...outgoing, accounts } };
}

function proven(text: string | undefined, wanted: unknown): string | undefined {
  if (text === undefined) return undefined;
  const doc = parseDocument(text);
  if (doc.errors.length > 0 || !isDeepStrictEqual(doc.toJS(), wanted)) return undefined;
  // Lines end as the first one does, the new ones too.
  return /^.*\r\n/.test(text) ? text.replace(/\r?\n/g, '\r\n') : text;
}

/** Groups that become empty go too. */
function apply(doc: Document<Node, boolean>, { path, value }: SettingChange): void {
  if (value !== undefined) {
    const old = doc.getIn(path, true);
    const node = doc.createNode(value, { flow: true });
    if (isNode(old)) node.comment = old.comment ?? null;
    doc.setIn(path, node);
    return;
  }
  doc.deleteIn(path);
  for (let depth = path.length - 1; depth > 0; depth--) {
    const group = doc.getIn(path.slice(0, depth), true);
    if (isMap(group) && group.items.length === 0) doc.deleteIn(path.slice(0, depth));
  }
}

/** The node written anew at its place, with its indentation. */
function replaced(text: string, node: ParsedNode, form: string): string {
  const [start, end] = node.range;
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const lines = form.trimEnd().split('\n');
  const indented = lines.map((line, at) => (at === 0 || line === '' ? line : pad(column) + line));
  const tail = text.slice(0, end).endsWith('\n') ? '\n' : '';
  return text.slice(0, start) + indented.join('\n') + tail + text.slice(end);
}

function withSection(text: string, form: string, enable: boolean): string | undefined {
  const enabled = enable ? '  enabled: true\n' : '';
  const body = `${enabled}  accounts:\n    - ${form}`;
  const written = parseDocument(text).get('outgoing', true);
  if (written === undefined) return `${text.trimEnd()}\n\noutgoing:\n${body}\n`;
  // The key is there and has no value.
  return isScalar(written) && written.range ? atLineEnd(text, written.range[0], body) : undefined;
}

function withEnabled(text: string): string | undefined {
  const doc = parseDocument(text);
  const enabled = doc.getIn(['outgoing', 'enabled'], true);
  if (!isScalar(enabled)) return withPair(text, doc, 'enabled: true');
  const [start, end] = enabled.range ?? [0, 0];
  return `${text.slice(0, start)}true${text.slice(end)}`;
}

function insertion(text: string, account: AccountValues): string | undefined {
  const doc = parseDocument(text);
  const form = flowForm(account);
  const list = doc.getIn(['outgoing', 'accounts'], true);
  if (isSeq<ParsedNode>(list)) return withItem(text, list, form);
  if (isScalar(list) && list.range && list.value === null) {
    const [start, end] = list.range;
    return `${text.slice(0, start)} [${form}]${text.slice(end)}`;
  }
  if (list !== undefined) return undefined;
  return withPair(text, doc, `accounts: [${form}]`, `accounts:\n  - ${form}`);
}

function withItem(text: string, list: YAMLSeq<ParsedNode>, form: string): string | undefined {
  const last = list.items.at(-1);
  if (last === undefined) return withFirst(text, list, form);
  const [start, end] = last.range;
  if (list.flow === true) return `${text.slice(0, end)}, ${form}${text.slice(end)}`;
  const dash = text.lastIndexOf('-', start - 1);
  const indent = dash - (text.lastIndexOf('\n', dash) + 1);
  return atLineEnd(text, end, `${pad(indent)}- ${form}`);
}

/** In the place of `[]`: on a line of its own, where there are lines. */
function withFirst(text: string, list: YAMLSeq<ParsedNode>, form: string): string {
  const [start, end] = list.range ?? [0, 0];
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const [indent] = /^ *(?=accounts:\s*$)/.exec(line) ?? [];
  if (indent === undefined) return `${text.slice(0, start)}[${form}]${text.slice(end)}`;
  return `${text.slice(0, start).trimEnd()}\n${indent}  - ${form}${text.slice(end)}`;
}

/** One more setting of `outgoing`, in the form of those that are there. */
function withPair(
  text: string,
  doc: Document.Parsed,
  inFlow: string,
  inBlock = inFlow,
): string | undefined {
  const outgoing = doc.get('outgoing', true);
  const block = (indent: number) =>
    inBlock
      .split('\n')
      .map((line) => pad(indent) + line)
      .join('\n');
  if (!isMap<ParsedNode, ParsedNode | null>(outgoing) || !outgoing.range) return undefined;
  const last: Pair<ParsedNode, ParsedNode | null> | undefined = outgoing.items.at(-1);
  if (last === undefined) {
    const [start, end] = outgoing.range;
    return `${text.slice(0, start)}{ ${inFlow} }${text.slice(end)}`;
  }
  const end = (last.value ?? last.key).range[1];
  if (outgoing.flow === true) return `${text.slice(0, end)}, ${inFlow}${text.slice(end)}`;
  const start = last.key.range[0];
  return atLineEnd(text, end, block(start - (text.lastIndexOf('\n', start - 1) + 1)));
}

function removal(text: string, list: YAMLSeq<ParsedNode>, index: number): string | undefined {
  const item = list.items[index];
  if (item === undefined) return undefined;
  const [start, end] = item.range;
  if (list.items.length === 1) {
    const [from = 0, to = 0] = list.range ?? [];
    const tail = text.slice(0, to).endsWith('\n') ? '\n' : '';
    if (list.flow === true) return `${text.slice(0, from)}[]${text.slice(to)}`;
    // The list begins on a line of its own: the empty one stands behind its key.
    return `${text.slice(0, from).trimEnd()} []${tail}${text.slice(to)}`;
  }
  if (list.flow === true) {
    const next = list.items[index + 1];
    const before = list.items[index - 1];
    if (next !== undefined) return text.slice(0, start) + text.slice(next.range[0]);
    return before && text.slice(0, before.range[1]) + text.slice(end);
  }
  const lineStart = text.lastIndexOf('\n', text.lastIndexOf('-', start - 1)) + 1;
  return text.slice(0, lineStart) + text.slice(lineEnd(text, end));
}

/** A line of its own behind the line that a value ends on. */
function atLineEnd(text: string, end: number, line: string): string {
  const at = lineEnd(text, end);
  const gap = at > 0 && text[at - 1] !== '\n' ? '\n' : '';
  return `${text.slice(0, at)}${gap}${line}\n${text.slice(at)}`;
}

/** Behind the line break of the line that holds the character before `at`. */
function lineEnd(text: string, at: number): number {
  if (text[at - 1] === '\n') return at;
  const next = text.indexOf('\n', at);
  return next === -1 ? text.length : next + 1;
}

function flowForm(value: AccountValues): string {
  const doc = new YamlDocument(value);
  doc.contents = doc.createNode(value, { flow: true });
  return doc.toString(FORM).trim();
}

function pad(count: number): string {
  return ' '.repeat(count);
}
