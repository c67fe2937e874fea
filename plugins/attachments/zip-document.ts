/**
 * What can be found in a zip: the macros, macro sheets, links and fields of Office Open XML, the
 * macros and the encryption of OpenDocument, members that need a password, and documents of every kind
 * among the members, whatever they are called.
 */
import { isDdeLinkPart } from './biff.ts';
import { documentKind } from './document-kind.ts';
import type { Examination } from './finding.ts';
import { textOf, withoutReferences, xmlFindings } from './office-text.ts';
import type { Inner } from './ole-document.ts';
import type { ZipMember } from './zip.ts';
import { hasZip, headOf, listZip, unpack } from './zip.ts';

const CONTENT_TYPES = '[content_types].xml';
const NOTHING = Buffer.alloc(0);
const MANIFEST = 'meta-inf/manifest.xml';
/** Lists of libraries that are there without a macro too. */
const BASIC_MODULE = /^basic\/.+\/(?!(?:script|dialog)-l[bc]\.xml$)[^/]+\.xml$/;
const OTHER_SCRIPT = /^scripts\/.*[^/]$/;
/** Roots of parts that may have fields or links. */
const FIELD_PART = /wordprocessingml|schemas\.microsoft\.com\/office\/word|externalLink|ddeLink/;
const OPEN_DOCUMENT_CONTENT = /^(?:content|styles)\.xml$/;

export function examineZip(bytes: Buffer, examination: Examination, inner: Inner): void {
  // Called so only.
  if (!hasZip(bytes)) return;
  const { members, isWhole } = listZip(bytes);
  if (!isWhole) examination.note('unexamined');
  const names = new Set(members.map(({ name }) => name));
  const isOpenDocument = names.has(MANIFEST) || (names.has('mimetype') && names.has('content.xml'));
  for (const member of members) {
    for (const name of [member.name, ...member.otherNames])
      noteNamed(name, isOpenDocument, examination);
    for (const name of member.otherNames) examination.member(name, NOTHING);
    if (member.name.endsWith('/') && member.size === 0) continue;
    if (member.isEncrypted) examination.note('encrypted');
    if (member.isLocked) {
      examination.member(member.name, NOTHING);
      continue;
    }
    if (!member.isReadable) {
      examination.note('unexamined');
      examination.member(member.name, NOTHING);
      continue;
    }
    examineMember(member, isOpenDocument, examination, inner);
  }
}

/** What a part of a document shows by its name alone. */
function noteNamed(name: string, isOpenDocument: boolean, examination: Examination): void {
  if (/(?:^|\/)vbaproject\.bin$/.test(name)) examination.note('vba');
  if (/^xl\/macrosheets\/[^/]+\.(?:xml|bin)$/.test(name)) examination.note('xlm');
  if (isOpenDocument && (BASIC_MODULE.test(name) || OTHER_SCRIPT.test(name))) {
    examination.note('basic');
  }
}

function examineMember(
  member: ZipMember,
  isOpenDocument: boolean,
  examination: Examination,
  inner: Inner,
): void {
  const whole = (): Buffer | undefined => {
    const unpacked = unpack(member, examination.allowance);
    if (unpacked === undefined) examination.note('unexamined');
    else examination.spend(unpacked.length);
    return unpacked;
  };
  const { name } = member;
  if (name === CONTENT_TYPES || (isOpenDocument && name === MANIFEST)) {
    const part = whole();
    if (part !== undefined) examineList(withoutReferences(textOf(part)), examination);
    return;
  }
  if (examination.allowance <= 0) {
    examination.note('unexamined');
    return;
  }
  const head = headOf(member);
  examination.spend(member.isStored ? 0 : head.length);
  examination.member(name, head);
  if (isDdeLinkPart(head)) examination.note('dde');
  const isField = isOpenDocument ? OPEN_DOCUMENT_CONTENT.test(name) : FIELD_PART.test(textOf(head));
  if (isField) {
    const part = whole();
    if (part === undefined) return;
    for (const finding of xmlFindings(textOf(part))) examination.note(finding);
  } else if (documentKind(head, name) !== undefined) {
    const part = whole();
    if (part !== undefined) inner(part, name);
  }
}

/** What a package says of its parts: their types (ECMA-376-2 10.1), or that they are encrypted. */
function examineList(xml: string, examination: Examination): void {
  if (/<(?:\w{1,20}:)?(?:Override|Default)\b[^>]{0,1000}vbaProject/i.test(xml))
    examination.note('vba');
  if (/<(?:\w{1,20}:)?(?:Override|Default)\b[^>]{0,1000}macrosheet/i.test(xml))
    examination.note('xlm');
  if (/<(?:\w{1,20}:)?encryption-data\b/.test(xml)) examination.note('encrypted');
}
