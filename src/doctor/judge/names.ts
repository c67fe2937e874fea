/** Whether the DNS answers, and whether name and addresses of the gateway belong together in it. */
import type { AddressRecord, Lookup } from '../../dns/resolver.ts';
import type { Identity } from '../facts/identity.ts';
import type { PtrFacts } from '../facts/ptr.ts';
import type { ServerFacts } from '../facts/resolvers.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, unsure, warn } from '../finding.ts';
import { addressRecord, ptrRecord, zoneLine } from '../needed-records.ts';

/** It does not answer. */
export function isMute({ answer, nobody }: ServerFacts): boolean {
  return answer.kind === 'unsure' && nobody.kind === 'unsure';
}

export function judgeServer(facts: ServerFacts): Finding {
  const { server, answer, nobody, ms } = facts;
  const check = `server ${server}`;
  if (answer.kind === 'unsure' && isMute(facts)) {
    const fix = 'set dns.servers to one that answers; a resolver on this machine is best';
    return fail(check, `does not answer: ${answer.text}`, fix);
  }
  if (nobody.kind === 'found') {
    const said = nobody.records.map(({ address }) => address);
    const text = `makes up an address (${named(said)}) for a name that nobody has`;
    return fail(check, text, 'set dns.servers to an honest one: filters are misled by this one');
  }
  return pass(check, `answers in ${ms} ms, and honestly`);
}

/** Names that only a house knows. */
const HOUSE = /\.(?:local|localdomain|localhost|lan|home|internal|intranet|corp|invalid)$/;

export function judgeHostname({ hostname, lookup, own, sending, isReachable }: Identity): Finding {
  const check = 'hostname';
  if (!hostname.includes('.') || HOUSE.test(hostname)) {
    const text = `${hostname} is not a name that the world can look up`;
    return fail(
      check,
      text,
      'set hostname to the full name of this machine, such as mx1.example.net',
    );
  }
  if (lookup.kind === 'unsure') return unsure(check, `${hostname}: ${lookup.text}`);
  if (lookup.kind !== 'found') {
    const records = sending.map((address) => zoneLine(addressRecord(hostname, address)));
    const fix = records.length > 0 ? `add ${records.join(' and ')}` : 'add its A record';
    return fail(check, `${hostname} has no address in the DNS`, fix);
  }
  const addresses = addressesOf(lookup);
  const others = addresses.filter((address) => !own.includes(address));
  if (!isReachable) {
    const text = `${hostname} leads to ${named(addresses)}, where the world reaches nobody`;
    return warn(check, text, 'give it the address by which the world reaches this machine');
  }
  if (others.length > 0) {
    const text = `${named(others)} is of no interface of this machine`;
    return warn(check, text, 'right behind NAT or a load balancer; else correct the record');
  }
  return pass(check, `${hostname} leads to ${named(addresses)}, which are this machine's`);
}

export function judgePtr(hostname: string, facts: PtrFacts): Finding {
  const { address, lookup, confirmed, isDoubtful } = facts;
  const check = `PTR ${address}`;
  const fix = `ask who gave you the address for ${zoneLine(ptrRecord(address, hostname))}`;
  if (lookup.kind === 'unsure') return unsure(check, lookup.text);
  if (lookup.kind !== 'found') return warn(check, 'it has no name: many refuse its mail', fix);
  if (confirmed.includes(hostname)) return pass(check, `${hostname}, and back`);
  if (isDoubtful) return unsure(check, `nobody says whether ${named(lookup.records)} leads back`);
  if (confirmed.length > 0)
    return warn(check, `its name is ${named(confirmed)}, EHLO says ${hostname}`, fix);
  return warn(
    check,
    `${named(lookup.records)} does not lead back to it: many refuse its mail`,
    fix,
  );
}

export function judgeListing(
  address: string,
  list: string,
  answer: 'absent' | 'unsure' | { readonly text: string },
): Finding {
  const check = `${list} ${address}`;
  if (answer === 'unsure') return unsure(check, 'the list gives no answer that counts');
  if (answer === 'absent') return pass(check, 'not listed');
  return fail(
    check,
    `listed: ${answer.text}`,
    'stop what it says, then ask the list to take it off',
  );
}

function addressesOf(lookup: Lookup<AddressRecord>): string[] {
  return lookup.kind === 'found' ? lookup.records.map(({ address }) => address) : [];
}
