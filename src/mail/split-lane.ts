/**
 * Lanes of the spool for one server of a split domain, such as `example.org/192.0.2.10:25`: no domain
 * has a slash in its name.
 */
import { isRedirected } from './redirection.ts';
import { isRemote, withoutSender } from './remote-lane.ts';

export function isOneOfSplit(lane: string): boolean {
  return !isRemote(lane) && !isRedirected(lane) && lane.includes('/');
}

/** The hosted domain of a lane, by its own name, or the place that a remote one leads to. */
export function domainOfLane(lane: string): string {
  return isOneOfSplit(lane) ? lane.slice(0, lane.indexOf('/')) : withoutSender(lane);
}
