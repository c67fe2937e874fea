/**
 * The events of a record as bytes and back: what the store keeps of them. JSON, versioned; a sample
 * of each released version stays readable (test/records). Events that differ only in their recipient
 * are one in the stored form, for a message may have hundreds of recipients with one answer.
 */
import { messageOf, sessionOf } from '../base/ids.ts';
import type { EventName, Fields, Level } from '../base/log.ts';
import { LEVEL_OF } from '../base/log.ts';
import type { TraceEvent } from '../base/session-traces.ts';

const VERSION = 1;

export interface RecordedEvents {
  /** Of the session as a whole: connection, TLS. */
  readonly session: readonly TraceEvent[];
  readonly own: readonly TraceEvent[];
  /** Events that were too many to be kept. */
  readonly dropped: number;
  /** More of a record that was begun before. */
  readonly isLater: boolean;
}

/**
 * After the first one: time since it, name, fields, level when it is not the event's usual one. The
 * ids of the record are left out; that of a part stays.
 */
type Stored = [number, string, Readonly<Record<string, unknown>>, string?];

export function encode({ session, own, dropped, isLater }: RecordedEvents): Buffer {
  const first = session[0] ?? own[0];
  const from = first?.at ?? 0;
  return Buffer.from(
    JSON.stringify({
      v: VERSION,
      at: from,
      s: session.length > 0 ? stored(session, from) : undefined,
      e: stored(own, from),
      n: dropped > 0 ? dropped : undefined,
      l: isLater ? true : undefined,
    }),
  );
}

/** Undefined when it is not of a form that is known. */
export function decode(id: string, bytes: Uint8Array): RecordedEvents | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined; // damaged, or of a version to come
  }
  if (!isObject(value) || value['v'] !== VERSION) return undefined;
  const at = Number(value['at']);
  const sid = sessionOf(id);
  return {
    session: read(value['s'], at, { sid }),
    own: read(value['e'], at, sid === id ? { sid } : { sid, id }),
    dropped: Number(value['n'] ?? 0),
    isLater: value['l'] === true,
  };
}

function stored(events: readonly TraceEvent[], from: number): Stored[] {
  const out: Stored[] = [];
  let before: TraceEvent | undefined;
  for (const event of events) {
    const last = out.at(-1);
    if (last !== undefined && before !== undefined && isSameButTo(before, event)) {
      const { to } = last[2];
      if (Array.isArray(to)) to.push(event.fields['to']);
      else last[2] = { ...last[2], to: [to, event.fields['to']] };
    } else {
      const { at, evt, level } = event;
      const { id } = event.fields;
      const isPart = typeof id === 'string' && messageOf(id) !== id;
      // Of all ways to copy an object without a member this is the fastest: JSON has no `undefined`.
      const fields = { ...event.fields, sid: undefined, id: isPart ? id : undefined };
      out.push(
        level === LEVEL_OF[evt] ? [at - from, evt, fields] : [at - from, evt, fields, level],
      );
    }
    before = event;
  }
  return out;
}

function isSameButTo(a: TraceEvent, b: TraceEvent): boolean {
  if (a.evt !== b.evt || a.level !== b.level || a.at !== b.at) return false;
  if (typeof a.fields['to'] !== 'string' || typeof b.fields['to'] !== 'string') return false;
  for (const name in b.fields) {
    if (name !== 'to' && a.fields[name] !== b.fields[name]) return false;
  }
  for (const name in a.fields) if (!(name in b.fields)) return false;
  return true;
}

function read(value: unknown, from: number, ids: Readonly<Record<string, string>>): TraceEvent[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((line: unknown): TraceEvent[] => {
    if (!Array.isArray(line)) return [];
    const [since, name, fields, level] = line as unknown[];
    if (typeof since !== 'number' || typeof name !== 'string' || !isObject(fields)) return [];
    // Written by us; a name that is no event any more is shown as it is.
    const evt = name as EventName;
    const usual: Level = LEVEL_OF[evt] ?? 'info';
    const event = {
      at: from + since,
      level: typeof level === 'string' ? (level as Level) : usual,
      evt,
    };
    const { to } = fields;
    const each = Array.isArray(to) ? to.map((one: unknown) => ({ ...fields, to: one })) : [fields];
    return each.map((own) => ({ ...event, fields: { ...ids, ...own } as Fields }));
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
