/**
 * The stored form of a message's record: JSON with its version that proves itself, and through length
 * and digest its content. The decoder believes nothing: what it returns has the shape of its type,
 * everything else is `undefined` and counts as damage. Samples of each released version stay
 * decodable (test/stored).
 */
import type { Address } from '../../mail/address.ts';
import type { MailParameters, RcptParameters } from '../../mail/envelope.ts';
import type {
  Asked,
  Hold,
  LastAnswer,
  Quarantined,
  SpooledRecipient,
  SpoolEntry,
} from '../../mail/spool-entry.ts';
import { editOf } from './content-edit.ts';
import type { StoredEdit } from './content-edit.ts';
import * as read from './json-shape.ts';
import { decodeProven, encodeProven } from './proven-json.ts';
import { unjudgedOf } from './unjudged-codec.ts';

export interface StoredContent {
  readonly bytes: number;
  /** Of what lies in the parts or the file (content-proof.ts). */
  readonly digest: string;
  /** Number of parts in the database; undefined when it lies in a file of its own. */
  readonly parts?: number;
  /** In base64, the bytes that precede those of the file: our fields, mostly. */
  readonly before?: string;
  /** It reads otherwise than it was stored. */
  readonly edit?: StoredEdit;
}

export interface StoredRecord {
  readonly entry: SpoolEntry;
  /** Undefined while held. */
  readonly dueAt: number | undefined;
  readonly content: StoredContent;
}

const VERSION = 1;

export function encodeRecord(record: StoredRecord): Buffer {
  const { entry, dueAt, content } = record;
  // JSON has no NaN and no Infinity: it would write null, which never decodes again.
  const { queuedAt, expiresAt, sizeBytes, attempts } = entry;
  if (![queuedAt, expiresAt, sizeBytes, attempts].every(Number.isFinite))
    throw new TypeError(`entry ${entry.id}: a number is not finite`);
  return encodeProven({ v: VERSION, dueAt, content, entry });
}

export function decodeRecord(stored: Uint8Array): StoredRecord | undefined {
  return decodeProven(stored, recordOf);
}

function recordOf(json: read.Json): StoredRecord {
  read.oneOf(json['v'], [VERSION]);
  const content = read.object(json['content']);
  return {
    entry: entryOf(read.object(json['entry'])),
    dueAt: read.optional(json['dueAt'], read.count),
    content: {
      bytes: read.count(content['bytes']),
      digest: read.text(content['digest']),
      ...read.defined({
        parts: read.optional(content['parts'], read.count),
        before: read.optional(content['before'], read.text),
        edit: read.optional(content['edit'], editOf),
      }),
    },
  };
}

function entryOf(json: read.Json): SpoolEntry {
  const client = read.object(json['client']);
  const hold = read.optional(json['hold'], (value) => holdOf(read.object(value)));
  return {
    v: read.oneOf(json['v'], [1]),
    id: read.text(json['id']),
    dest: read.text(json['dest']),
    direction: read.oneOf(json['direction'], ['in', 'out']),
    reversePath: json['reversePath'] === null ? null : addressOf(json['reversePath']),
    parameters: mailParametersOf(read.object(json['parameters'])),
    recipients: read.list(json['recipients'], (value) => recipientOf(read.object(value))),
    sizeBytes: read.count(json['sizeBytes']),
    queuedAt: read.number(json['queuedAt']),
    expiresAt: read.number(json['expiresAt']),
    attempts: read.count(json['attempts']),
    senderProven: read.flag(json['senderProven']),
    maybeDelivered: read.flag(json['maybeDelivered']),
    client: { address: read.text(client['address']), hello: read.text(client['hello']) },
    ...read.defined({
      delayToldAt: read.optional(json['delayToldAt'], read.number),
      mailClass: read.optional(json['mailClass'], read.text),
      account: read.optional(json['account'], read.text),
    }),
    ...(hold === undefined ? {} : { hold }),
  };
}

function addressOf(value: unknown): Address {
  const json = read.object(value);
  return { local: read.text(json['local']), domain: read.text(json['domain']) };
}

function mailParametersOf(json: read.Json): MailParameters {
  return read.defined({
    size: read.optional(json['size'], read.count),
    body: read.optional(json['body'], (value) => read.oneOf(value, ['7BIT', '8BITMIME'])),
    smtpUtf8: read.optional(json['smtpUtf8'], read.flag),
    ret: read.optional(json['ret'], (value) => read.oneOf(value, ['FULL', 'HDRS'])),
    envid: read.optional(json['envid'], read.text),
    requireTls: read.optional(json['requireTls'], read.flag),
  });
}

function rcptParametersOf(json: read.Json): RcptParameters {
  return read.defined({
    notify: read.optional(json['notify'], (value) =>
      value === 'NEVER'
        ? value
        : read.list(value, (word) => read.oneOf(word, ['SUCCESS', 'FAILURE', 'DELAY'])),
    ),
    orcpt: read.optional(json['orcpt'], read.text),
  });
}

function recipientOf(json: read.Json): SpooledRecipient {
  return {
    address: addressOf(json['address']),
    parameters: rcptParametersOf(read.object(json['parameters'])),
    ...read.defined({ last: read.optional(json['last'], (value) => lastOf(read.object(value))) }),
  };
}

function lastOf(json: read.Json): LastAnswer {
  return {
    at: read.number(json['at']),
    text: read.text(json['text']),
    ...read.defined({
      code: read.optional(json['code'], read.count),
      enhanced: read.optional(json['enhanced'], read.text),
      host: read.optional(json['host'], read.text),
    }),
  };
}

function holdOf(json: read.Json): Hold {
  return {
    by: read.text(json['by']),
    at: read.number(json['at']),
    // Reason words grow in number; a stored one is a word that was in the list when it was written.
    reason: read.text(json['reason']) as Hold['reason'],
    text: read.text(json['text']),
    ...read.defined({
      until: read.optional(json['until'], read.number),
      quarantine: read.optional(json['quarantine'], (value) => quarantinedOf(read.object(value))),
      unjudged: read.optional(json['unjudged'], (value) => unjudgedOf(read.object(value))),
    }),
  };
}

function quarantinedOf(json: read.Json): Quarantined {
  return read.defined({
    score: read.optional(json['score'], read.number),
    engine: read.optional(json['engine'], read.text),
    tests: read.optional(json['tests'], (value) => read.list(value, read.text)),
    account: read.optional(json['account'], read.text),
    headerFrom: read.optional(json['headerFrom'], read.text),
    subject: read.optional(json['subject'], read.text),
    isLate: read.optional(json['isLate'], read.flag),
    isReported: read.optional(json['isReported'], read.flag),
    released: read.optional(json['released'], (value) => read.list(value, read.text)),
    asked: read.optional(json['asked'], (value) => askedOf(read.object(value))),
  });
}

function askedOf(json: read.Json): Asked {
  return {
    at: read.number(json['at']),
    by: read.text(json['by']),
    mail: read.text(json['mail']),
  };
}
