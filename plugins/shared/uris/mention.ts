/** What a mail has of URIs: where each stands, and what a reader sees of it. */
import type { Place } from './place.ts';

/**
 * `link`: somebody gets there by a click; `form`: what is filled in goes there; `text`: written out, with `http://` or `www.`; `bare`: a name
 * in text that may be one; `image`: fetched or used without a click; `nested`: within another URI.
 */
export type MentionKind = 'link' | 'form' | 'text' | 'bare' | 'image' | 'nested';

export interface Mention {
  readonly kind: MentionKind;
  readonly place: Place;
  /** What is shown as the link, cut. */
  readonly shown?: string;
  /** A reader does not see it. */
  readonly isHidden?: true;
}

/** As it is written in the mail, before anybody has looked where it leads. */
export interface RawMention {
  readonly kind: MentionKind;
  readonly uri: string;
  /** What it goes on from when it has no scheme. */
  readonly base?: URL;
  readonly shown?: string;
  readonly isHidden?: true;
}
