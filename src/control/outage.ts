/**
 * What keeps all mail of a lane back, as people see it: until when, since when and why. Mail that
 * waits for its own next attempt has none.
 *
 * `down`: the destination does not answer; `held`: an operator holds the domain's mail; `paused`: a
 * server of others that has had enough is left alone for a while.
 */
export interface Outage {
  readonly kind: 'down' | 'held' | 'paused';
  /** What the last attempt or probe came to; who holds it, and why; the reply that began the pause. */
  readonly text: string;
  readonly since: number;
  /**
   * When it is asked next, or the hold or pause ends; what waits then goes out at once, but behind a
   * pause only what is due. Undefined: when somebody resumes it.
   */
  readonly nextTryAt: number | undefined;
}
