/**
 * Places that the text of a link shows as where it leads. A word with a dot in a sentence shows nothing;
 * alone it does.
 */
import type { Place } from '../shared/uris/place.ts';
import { placeOf } from '../shared/uris/place.ts';
import { urisInText } from '../shared/uris/plain-text.ts';

/** Endings that files have too. */
const FILE_ENDINGS =
  /\.(?:zip|md|py|sh|pl|pm|rs|so|ps|ai|app|mov|cc|cab|java|ml|st|bar|lib|mk|info|name|to|is|it)$/i;
const MAX_SHOWN = 5;

export function shownPlaces(given: string): Place[] {
  const found: Place[] = [];
  const text = given.replace(/\p{Cf}+/gu, ''); // nobody sees them
  const alone = text.trim().replace(/\/\S*$/, '');
  for (const { kind, uri } of urisInText(text)) {
    const isShown = kind === 'text' || (uri === `http://${alone}` && !FILE_ENDINGS.test(uri));
    const place = isShown ? placeOf(uri) : undefined;
    if (place?.domain !== undefined) found.push(place);
    if (found.length >= MAX_SHOWN) break;
  }
  return found;
}
