/**
 * What a person says of mail in quarantine, handed to the filters that learn, with the options of the
 * customer's domain, as it came in. A lesson changes nothing about the message itself.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import { homeLane } from '../mail/redirection.ts';
import type { Content } from '../mail/content.ts';
import { HeaderCollector, headerFields } from '../mail/header.ts';
import { outgoingContent } from '../mail/outgoing-content.ts';
import { ownTopEnd } from '../mail/own-top.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { Generation } from '../pipeline/generation.ts';
import { teach } from '../plugin-host/learn.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import { damaged } from '../quarantine/quarantine.ts';

export interface LessonParts {
  readonly quarantine: Pick<Quarantine, 'find' | 'content'>;
  readonly generation: () => Generation;
  readonly clock: Clock;
  readonly log: Log;
}

const NOTHING = Buffer.alloc(0);

export class Lessons {
  readonly #parts: LessonParts;

  constructor(parts: LessonParts) {
    this.#parts = parts;
  }

  /** `learnt`, or the words that say why not. */
  async teach(id: string, as: 'ham' | 'spam', who: string): Promise<string> {
    const { quarantine, generation, clock, log } = this.#parts;
    const found = await quarantine.find(id).catch(damaged);
    if (found === 'damaged') return found;
    if (found === undefined) return 'not found';
    const { filters, directory, settings } = generation();
    const stored: Content = {
      sizeBytes: found.entry.sizeBytes,
      read: () => quarantine.content(found.entry.id),
    };
    const content = await asItCame(stored, id, settings.headerBytes);
    const domain = customerOf(directory, found.entry);
    const { by, faults } = await teach(filters.plugins, { as, content }, domain, clock);
    const sid = sessionOf(id);
    log.emit('quar.learn', { id, sid, as, engines: by, who, ...(faults.length > 0 && { faults }) });
    if (faults.length > 0) return `not learnt: ${faults.join('; ')}`;
    return by.length > 0 ? 'learnt' : 'no filter learns';
  }
}

/** Without what we and the filters wrote on it: else they would learn their own judgement. */
async function asItCame(stored: Content, id: string, headerBytes: number): Promise<Content> {
  const header = new HeaderCollector(headerBytes);
  for await (const chunk of stored.read()) {
    header.add(chunk);
    if (header.bodyStart !== undefined || header.isTooLarge) break;
  }
  const end = ownTopEnd(header.bytes, headerFields(header.bytes), id);
  return outgoingContent(NOTHING, stored, end === 0 ? [] : [{ start: 0, end }]);
}

/** Whose mail it is: what a customer sends is his, wherever it goes. */
export function customerOf(
  directory: Pick<Directory, 'find'>,
  { dest, direction, reversePath }: Pick<SpoolEntry, 'dest' | 'direction' | 'reversePath'>,
): Domain | undefined {
  const sender = direction === 'out' && reversePath !== null ? reversePath.domain : undefined;
  return (
    (sender === undefined ? undefined : directory.find(sender)) ?? directory.find(homeLane(dest))
  );
}
