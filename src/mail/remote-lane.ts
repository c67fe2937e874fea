/**
 * Lanes of the spool for mail to servers of others: one for each customer's domain that sends and
 * place that it goes to, such as `mx:far.example/example.org`, so that what one customer keeps
 * hanging keeps nobody else's mail. Mail of our own, and what older versions stored, is in a lane
 * without a sender. No domain has a slash in its name.
 */
const REMOTE = 'mx:';

/** `place` is a domain, or `*` for several. */
export function laneOfSender(place: string, sender: string | undefined): string {
  return sender === undefined ? REMOTE + place : `${REMOTE}${place}/${sender}`;
}

/** Of our customers' mail to the outside: nobody configured it, and there is no end of them. */
export function isRemote(laneOrKey: string): boolean {
  return laneOrKey.startsWith(REMOTE);
}

/** Where it leads. */
export function placeOf(lane: string): string {
  return withoutSender(lane).slice(REMOTE.length);
}

/** Whose mail is in it; undefined for our own. */
export function senderOf(lane: string): string | undefined {
  const at = lane.indexOf('/');
  return isRemote(lane) && at >= 0 ? lane.slice(at + 1) : undefined;
}

/** As people know it, and the key of the destination behind it; any other lane as it is. */
export function withoutSender(lane: string): string {
  const at = lane.indexOf('/');
  return isRemote(lane) && at >= 0 ? lane.slice(0, at) : lane;
}
