/** Whether Node, the clock and the limits of the machine let a gateway work. */
import { formatDuration } from '../../config/quantity.ts';
import type { Finding } from '../finding.ts';
import { fail, pass, skip, warn } from '../finding.ts';

/** `version` as Node says it: `v24.11.0`. */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 19))
    return fail('Node', `${version} is too old`, 'install Node 24; 22.19 is the oldest that works');
  if (major % 2 === 1)
    return warn('Node', `${version} is a line without long support`, 'install Node 24');
  return pass('Node', version);
}

/** Beside those of connections: the store, the log, modules. */
const OWN_FILES = 300;

/**
 * One for each client and, while mail is handed over, one for its destination. `limit` is undefined
 * when the system does not tell; of this process when no gateway runs.
 */
export function judgeOpenFiles(
  limit: number | undefined,
  connections: number,
  isOfGateway: boolean,
): Finding {
  const check = 'open files';
  if (limit === undefined) return skip(check, 'this system does not tell the limit');
  const whose = isOfGateway ? '' : ' for this process; a service has a limit of its own';
  const text = `at most ${limit === Infinity ? 'any number' : limit}${whose}`;
  const wanted = 2 * connections + OWN_FILES;
  const fix = `LimitNOFILE=${wanted} in the unit, or ulimit -n ${wanted}, or lower limits.connections`;
  const than = `limits.connections is ${connections}`;
  if (limit < connections + OWN_FILES) {
    const say = isOfGateway ? fail : warn;
    return say(check, `${text}, but ${than}`, fix);
  }
  if (limit < wanted) return warn(check, `${text}, which is tight: ${than}`, fix);
  return pass(check, text);
}

/** Before it the program was not there. */
const YEAR_OF_PROGRAM = Date.UTC(2026, 0, 1);
/** Ids are reserved an hour ahead of the clock. */
const AHEAD_MS = 2 * 3_600_000;

/** `lastIdAt`: of the newest id that may have been given, in milliseconds; undefined when none was. */
export function judgeClock(now: number, lastIdAt: number | undefined): Finding {
  const fix = 'set the clock, and let chrony or systemd-timesyncd keep it';
  if (now < YEAR_OF_PROGRAM) {
    const text = `${new Date(now).toISOString()} is before this program was made`;
    return fail('clock', text, fix);
  }
  const aheadMs = (lastIdAt ?? 0) - now;
  if (aheadMs > AHEAD_MS) {
    const text = `message ids of the store are ${formatDuration(Math.round(aheadMs / 60_000) * 60_000)} ahead: it stood later once`;
    return warn('clock', text, `${fix}; if it is right now, nothing is wrong with the ids`);
  }
  return pass('clock', new Date(now).toISOString());
}
