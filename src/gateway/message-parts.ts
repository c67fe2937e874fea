/**
 * The parts of a message for who looks at it: type, name, size and SHA-256 of what each decodes to, which
 * is what collections of known malware are asked for. They are found as the filters find them; where a
 * header contradicts itself a part is there in each reading.
 */
import { createHash } from 'node:crypto';
import { MimeWalk } from '../../plugins/shared/mime-walk.ts';

export interface MessagePart {
  readonly type: string;
  readonly name: string | undefined;
  readonly size: number;
  readonly sha256: string;
}

export interface MessageParts {
  readonly parts: readonly MessagePart[];
  /** Why these are not all. */
  readonly problem: string | undefined;
}

const LIMITS = { parts: 1000, depth: 50 };
/** Of one part, which is held until it is whole; no message may be larger. */
const MAX_PART_BYTES = 2 * 1024 ** 3;
/** RFC 2045 5.2 */
const USUAL_TYPE = 'text/plain';

export async function messageParts(content: AsyncIterable<Uint8Array>): Promise<MessageParts> {
  const parts: MessagePart[] = [];
  const keep = { isWanted: () => true, probe: 0, limit: MAX_PART_BYTES };
  const walk = new MimeWalk(
    LIMITS,
    ({ types, names, kept }) => {
      // Its content are the parts; what stands before them is for nobody.
      if (types.some((type) => type.startsWith('multipart/'))) return;
      for (const { pieces } of kept) {
        const hash = createHash('sha256');
        for (const piece of pieces) hash.update(piece);
        parts.push({
          type: types.join(', ') || USUAL_TYPE,
          name: names[0],
          size: pieces.reduce((sum, piece) => sum + piece.length, 0),
          sha256: hash.digest('hex'),
        });
      }
    },
    keep,
  );
  for await (const chunk of content) walk.push(chunk);
  walk.end();
  return { parts, problem: walk.problem };
}
