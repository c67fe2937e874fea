/**
 * Whether a reader sees what stands in an element, as far as its own attributes say. What style sheets
 * say of classes is not known: an element that may get colours or its size from there is taken as seen.
 */
type Attributes = ReadonlyMap<string, string>;

export interface Visibility {
  readonly isHidden: boolean;
  /** White text is seen on it. */
  readonly mayBeDark: boolean;
}

export const SEEN: Visibility = { isHidden: false, mayBeDark: false };

/** What is seen in an element within one that is seen as `around` says. */
export function visibilityOf(attributes: Attributes, around: Visibility): Visibility {
  const style = (attributes.get('style') ?? '').toLowerCase().replace(/\/\*[^*]*\*\/|\s+/g, '');
  const hasBackground =
    style.includes('background') || attributes.has('bgcolor') || attributes.has('background');
  const mayBeDark =
    around.mayBeDark || attributes.has('class') || attributes.has('id') || hasBackground;
  const isHidden =
    around.isHidden ||
    attributes.has('hidden') ||
    HIDING.test(style) ||
    (CLIPPED.test(style) && style.includes('overflow:hidden')) ||
    (!mayBeDark && (WHITE.test(style) || WHITE.test(`color:${attributes.get('color') ?? ''}`)));
  return { isHidden, mayBeDark };
}

const HIDING =
  /(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|font-size:(?:[01](?:\.\d+)?(?:px|pt)?|0[a-z%]*)(?:!|;|$)|opacity:0(?:\.0\d*)?(?:!|;|$))/;
const CLIPPED = /(?:^|;)(?:max-)?(?:height|width):[01](?:px|pt)?(?:!|;|$)/;
const WHITE = /(?:^|;)color:(?:white|#fff(?:fff)?|#fefefe|rgba?\(255,255,255(?:,1)?\))(?:!|;|$)/;
