/**
 * Mail that an operator has given to another host than that of its destination: the lane it waits in
 * names the host and the lane it came from, such as `to:192.0.2.9:25/example.org`, so that it finds
 * its way after a restart, and back.
 */

export interface OtherHost {
  readonly host: string;
  readonly port: number;
}

export interface Redirection extends OtherHost {
  /** `192.0.2.9:25` */
  readonly place: string;
  /** Where it waited before. */
  readonly lane: string;
}

const PREFIX = 'to:';
const REDIRECTED = /^to:((?:\[([^\]/]+)\]|([^:/[\]]+)):(\d{1,5}))\/(.+)$/;

/** The lane for mail of `lane` that goes to another host; an earlier redirection is replaced. */
export function redirected(lane: string, { host, port }: OtherHost): string {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `${PREFIX}${place}/${homeLane(lane)}`;
}

export function redirectionOf(lane: string): Redirection | undefined {
  // Asked of each lane, many times for each message, and hardly any is one.
  if (!isRedirected(lane)) return undefined;
  const [, place, address, name, port, from] = REDIRECTED.exec(lane) ?? [];
  const host = address ?? name;
  if (place === undefined || host === undefined || from === undefined) return undefined;
  return { place, host, port: Number(port), lane: from };
}

/** Where mail of this lane belongs by its recipients. */
export function homeLane(lane: string): string {
  return redirectionOf(lane)?.lane ?? lane;
}

/** Of a lane, or the key of a destination that only stands for the host of one. */
export function isRedirected(laneOrKey: string): boolean {
  return laneOrKey.startsWith(PREFIX);
}

/** The key of such a destination. */
export function redirectionKey({ place }: Pick<Redirection, 'place'>): string {
  return PREFIX + place;
}
