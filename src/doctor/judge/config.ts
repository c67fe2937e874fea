/** Whether the configuration is sound, is the one in force, and keeps its secrets. */
import type { Problem } from '../../config/problem.ts';
import type { ListedAccount } from '../../directory/account.ts';
import type { Changed } from '../facts/changed-files.ts';
import type { Running } from '../facts/running.ts';
import type { SecretFile } from '../facts/secrets.ts';
import type { Finding } from '../finding.ts';
import { counted, fail, named, pass, skip, unsure, warn } from '../finding.ts';

const MAX_PROBLEMS = 20;

/** `place` says where a problem is, as `sluice check` does. */
export function judgeProblems(
  problems: readonly Problem[],
  domains: number,
  place: (problem: Problem) => string,
): Finding[] {
  const check = 'files';
  if (problems.length === 0) return [pass(check, `without fault, ${counted(domains, 'domain')}`)];
  const rows = problems.slice(0, MAX_PROBLEMS).map((problem) => {
    const say = problem.severity === 'error' ? fail : warn;
    return say(check, place(problem), 'correct it; sluice check looks again');
  });
  const more = problems.length - rows.length;
  return more === 0 ? rows : [...rows, warn(check, `and ${more} more`, 'sluice check tells all')];
}

/** Domain files with errors: the gateway is looked at without them. */
export function judgeLeftOut(files: readonly string[]): Finding[] {
  if (files.length === 0) return [];
  const text = `nothing of ${counted(files.length, 'domain file')} is looked at: ${named(files)}`;
  return [unsure('left out', text, 'correct the errors, then ask the doctor again')];
}

/** Of a configuration with errors: what cannot be looked at without one. */
export function leftOut(): Finding {
  const text =
    'not looked at while the files have errors: log, disk space, ports, certificate, DNS, ' +
    'domains, destinations, lists of recipients, scanners';
  return unsure('the rest', text, 'correct the errors, then ask the doctor again');
}

/** A gateway that watches its files has taken them by then. */
const WATCHED_MS = 30_000;

export function judgeInForce(
  running: Running,
  changed: readonly Changed[],
  { now, isWatched }: { readonly now: number; readonly isWatched: boolean },
): Finding {
  const check = 'in force';
  if (running.kind === 'none') return skip(check, 'no gateway runs');
  if (running.kind !== 'running') return unsure(check, 'the gateway cannot be asked');
  if (running.stale)
    return fail(
      check,
      'the gateway refused the newest configuration and goes on with the one before',
      'correct what sluice check tells, then sluice reload',
    );
  const until = isWatched ? now - WATCHED_MS : Infinity;
  const later = changed.filter(({ at }) => at < until).map(({ file }) => file);
  if (later.length > 0)
    return warn(check, `changed since it was loaded: ${named(later)}`, 'sluice reload');
  const { needsRestart } = running;
  if (needsRestart.length > 0) {
    const text = `waits for a restart: ${named(needsRestart)}`;
    return warn(check, text, 'restart the gateway');
  }
  return pass(check, 'the gateway works with these files');
}

export function judgeSecrets(files: readonly SecretFile[]): Finding {
  const check = 'secrets';
  const open = files.filter(({ mode }) => (mode & 0o004) !== 0).map(({ file }) => file);
  if (open.length > 0)
    return warn(check, `passwords that everybody may read: ${named(open)}`, 'chmod o-rwx these');
  return pass(check, files.length === 0 ? 'none in the files' : 'only for owner and group');
}

export function judgeAccounts(accounts: readonly ListedAccount[], canLogIn: boolean): Finding {
  const check = 'accounts';
  if (accounts.length === 0) return skip(check, 'nobody sends through this gateway');
  const broken = accounts.filter(({ state }) => state === 'no password').map(({ name }) => name);
  if (broken.length > 0) {
    const text = `cannot log in for want of a password that can be checked: ${named(broken)}`;
    return warn(check, text, 'sluice account hash makes one');
  }
  const logins = accounts.filter(
    ({ by, state }) => ['user', 'domain'].includes(by) && state === 'active',
  );
  if (logins.length > 0 && !canLogIn) {
    const text = `${logins.length} by login, but no listener has auth`;
    return warn(check, text, 'give a listener auth: required');
  }
  return pass(check, `${accounts.length}, every password kept as a hash`);
}

export function judgeContacts(without: readonly string[], all: number): Finding {
  const check = 'contacts';
  if (without.length === 0) return pass(check, 'every domain names somebody who is told');
  const text = `nobody hears of held mail of ${named(without)} (${without.length} of ${all})`;
  return warn(check, text, 'set contact in the domain file');
}
