/** Whether a destination can be served as it shows itself at first sight; the whole of it is `sluice destination check`. */
import { formatSize } from '../../config/quantity.ts';
import type { Destination } from '../../directory/domain.ts';
import type { HostFacts } from '../facts/destination.ts';
import type { Finding } from '../finding.ts';
import { fail, pass, warn } from '../finding.ts';

export interface DestinationUse {
  /** Of those whose mail goes there, one for the advice. */
  readonly domain: string | undefined;
  readonly tls: Destination['tls'];
  readonly messageSizeBytes: number;
}

export function judgeDestination(
  check: string,
  hosts: readonly HostFacts[],
  { domain, tls, messageSizeBytes }: DestinationUse,
): Finding[] {
  const more = domain === undefined ? '' : `; sluice destination check ${domain} tells more`;
  const loops = hosts.filter(({ ownListener }) => ownListener !== undefined);
  if (loops.length > 0) {
    const names = loops.map(({ name, ownListener }) => `${name} is our listener "${ownListener}"`);
    return [fail(check, `${names.join(', ')}: mail would go round in circles`, 'correct it')];
  }
  const silent = hosts.filter(({ fault }) => fault !== undefined);
  const isOne = hosts.length === 1;
  const faults = silent
    .map(({ name, fault = '' }) => (isOne ? fault : `${name}: ${fault}`))
    .join('; ');
  if (silent.length === hosts.length) {
    const fix = `is it up, and does its firewall let this machine in?${more}`;
    return [fail(check, faults, fix)];
  }
  const well = hosts.filter(({ fault }) => fault === undefined);
  const findings: Finding[] = [];
  if (silent.length > 0) findings.push(warn(check, faults, `the others serve meanwhile${more}`));
  else {
    const slowest = Math.max(...well.map(({ ms }) => ms));
    const secured = well.every(({ tlsFault }) => tlsFault === undefined) ? ', TLS' : '';
    findings.push(pass(check, `answers EHLO after ${slowest} ms${secured}`));
  }
  const plain = well.find(({ tlsFault }) => tlsFault !== undefined);
  if (plain !== undefined && tls === 'required') {
    const fix = 'offer STARTTLS there, or set tls: opportunistic';
    findings.push(fail(`TLS ${plain.name}`, `${plain.tlsFault}: no mail can go there`, fix));
  } else if (plain !== undefined && tls === 'opportunistic') {
    const text = `${plain.tlsFault}: mail goes in plaintext`;
    findings.push(warn(`TLS ${plain.name}`, text, 'offer STARTTLS there'));
  }
  const small = well.find(({ sizeLimit }) => (sizeLimit ?? Infinity) < messageSizeBytes);
  if (small !== undefined) {
    const text = `it takes up to ${formatSize(small.sizeLimit ?? 0)}, this gateway ${formatSize(messageSizeBytes)}`;
    const fix = 'raise its limit: larger mail is refused there, and held here if that comes late';
    findings.push(warn(`size ${small.name}`, text, fix));
  }
  return findings;
}
