/**
 * Whether a reader sees what stands in an element, as far as its own attributes say. What style sheets
 * say of classes is not known: an element that may get its display, colours or size from there is taken
 * as seen.
 */
type Attributes = ReadonlyMap<string, string>;

export interface Visibility {
  /** Nothing in it is seen, whatever it says of itself. */
  readonly isGone: boolean;
  /** Text in it is, until something in it has a size or a colour of its own. */
  readonly isTiny: boolean;
  readonly isWhite: boolean;
  /** White text is seen on it. */
  readonly mayBeDark: boolean;
}

export const SEEN: Visibility = { isGone: false, isTiny: false, isWhite: false, mayBeDark: false };

export function isTextSeen({ isGone, isTiny, isWhite, mayBeDark }: Visibility): boolean {
  return !isGone && !isTiny && (!isWhite || mayBeDark);
}

/** What is seen in the element `name` within one that is seen as `around` says. */
export function visibilityOf(name: string, attributes: Attributes, around: Visibility): Visibility {
  const style = (attributes.get('style') ?? '').toLowerCase().replace(/\/\*[^*]*\*\/|\s+/g, '');
  const isStyled = attributes.has('class') || attributes.has('id');
  const hasBackground =
    style.includes('background') || attributes.has('bgcolor') || attributes.has('background');
  const color = declared(style, 'color') ?? attributes.get('color')?.trim().toLowerCase();
  const size = declared(style, 'font-size');
  return {
    isGone: around.isGone || (!isStyled && (attributes.has('hidden') || isGone(style))),
    isTiny: size === undefined ? around.isTiny && !isStyled : TINY.test(size),
    // A link is blue unless it says otherwise itself.
    isWhite: color === undefined ? around.isWhite && name !== 'a' : WHITE.test(color),
    mayBeDark: around.mayBeDark || isStyled || hasBackground,
  };
}

/** Nobody sees a picture of that size: such ones count who opens the mail. */
export function isDot(attributes: Attributes): boolean {
  return ['width', 'height'].some((name) =>
    /^\s*[01](?:px)?\s*$/i.test(attributes.get(name) ?? ''),
  );
}

/** Of several declarations of a property the last one counts. */
function declared(style: string, property: string): string | undefined {
  const at = `;${style}`.lastIndexOf(`;${property}:`);
  return at < 0 ? undefined : /^[^!;]{0,60}/.exec(style.slice(at + property.length + 1))?.[0];
}

function isGone(style: string): boolean {
  return (
    declared(style, 'display') === 'none' ||
    /^(?:hidden|collapse)$/.test(declared(style, 'visibility') ?? '') ||
    /^0(?:\.0\d*)?$/.test(declared(style, 'opacity') ?? '') ||
    (declared(style, 'overflow') === 'hidden' &&
      SIDES.some((side) => /^[01](?:px|pt)?$/.test(declared(style, side) ?? '')))
  );
}

const SIDES = ['height', 'max-height', 'width', 'max-width'] as const;
const TINY = /^(?:[01](?:\.\d+)?(?:px|pt)?|0[a-z%]*)$/;
const WHITE = /^(?:white|#fff(?:fff)?|#fefefe|rgba?\(255,255,255(?:,1)?\))$/;
