/** Whether the DNS brings a domain's mail to this gateway, and lets it send in the domain's name. */
import type { SpfNetworks } from '../../dns/spf-networks.ts';
import type { DmarcFacts, MxFacts, MxHost } from '../facts/domain-records.ts';
import type { SpfFacts } from '../facts/spf.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, unsure, warn } from '../finding.ts';
import { dmarcRecord, mxRecord, spfRecord, zoneLine } from '../needed-records.ts';

export interface MxUse {
  readonly hostname: string;
  /** Others stand before this gateway, so that its name and addresses need not be in the DNS. */
  readonly isBehindProxy: boolean;
}

export function judgeMx(name: string, mx: MxFacts, { hostname, isBehindProxy }: MxUse): Finding {
  const check = `MX ${name}`;
  const fix = `add ${zoneLine(mxRecord(name, hostname))}`;
  switch (mx.kind) {
    case 'unsure':
      return unsure(check, mx.text ?? 'no answer');
    case 'no-domain':
      return fail(check, 'the DNS does not know this domain', 'is it written right, and paid for?');
    case 'none':
      return fail(check, 'there is none: no mail comes here', fix);
    case 'found':
      break;
    default:
      return mx.kind satisfies never;
  }
  const { hosts } = mx;
  const told = hosts.map(hostText).join('; ');
  if (hosts.every(({ exchange }) => exchange === ''))
    return fail(check, 'it says that the domain takes no mail (null MX)', `${fix} in its place`);
  const own = hosts.filter(({ isUs }) => isUs);
  if (own.length === 0) {
    const text = `${told}: no mail comes here`;
    // Of a name that was not found out nobody knows whose it is.
    if (hosts.some(({ addresses }) => addresses === 'unsure')) return unsure(check, told);
    if (isBehindProxy) return unsure(check, `${told}: is this what stands before the gateway?`);
    return fail(check, text, fix);
  }
  const lost = own.find(({ addresses }) => addresses === 'none');
  if (lost !== undefined)
    return fail(check, `${lost.exchange} has no address: no mail comes here`, 'add its A record');
  const past = hosts.filter(({ isUs, isDestination }) => !isUs && isDestination);
  if (past.length > 0) {
    const text = `${told}: spam goes past the filters to ${past[0]?.exchange ?? ''}`;
    return warn(check, text, `take ${named(past.map(({ exchange }) => exchange))} out`);
  }
  const best = Math.min(...own.map(({ preference }) => preference));
  const before = hosts.filter(({ isUs, preference }) => !isUs && preference < best);
  if (before.length > 0) {
    const names = named(before.map(({ exchange }) => exchange));
    const text = `${told}: mail goes past the filters to ${names}`;
    return warn(check, text, `take ${names} out, unless it is a gateway of yours`);
  }
  return pass(check, told);
}

/** `10 mx1.example.net (us)` */
function hostText({ preference, exchange, isUs, isDestination, addresses }: MxHost): string {
  const whose = isUs ? ' (us)' : isDestination ? " (the customer's server)" : '';
  const doubt = addresses === 'none' ? ' without an address' : '';
  return `${preference} ${exchange === '' ? '.' : exchange}${whose}${doubt}`;
}

/** Of a domain that sends through this gateway. */
export function judgeSpf(name: string, { records, results, doubt }: SpfFacts): Finding {
  const check = `SPF ${name}`;
  if (doubt !== undefined) return unsure(check, doubt);
  const [record] = records;
  if (records.length > 1) {
    const text = `${records.length} records: receivers take that for an error`;
    return fail(check, text, 'put them together into one');
  }
  const broken = results.find(({ result }) => result === 'permerror');
  if (broken !== undefined)
    return fail(check, `cannot be evaluated: ${broken.comment}`, 'correct it');
  const lacking = results.filter(({ result }) => result !== 'pass');
  if (record !== undefined && lacking.length === 0)
    return results.length === 0
      ? unsure(check, `${record}; from which address mail goes out is not known`)
      : pass(check, record);
  const addresses = lacking.map(({ address }) => address);
  const fixed = zoneLine(spfRecord(name, record, addresses));
  if (record === undefined) {
    const text = 'there is none, and the domain sends from here';
    return warn(check, text, `add a TXT record; sluice doctor --records ${name} has it`);
  }
  return warn(
    check,
    `${named(addresses)} may not send (${lacking[0]?.result})`,
    `make it ${fixed}`,
  );
}

/** A record that accounts have their addresses from. */
export function judgeSharedNetworks(record: string, found: SpfNetworks): Finding {
  const check = `SPF set ${record}`;
  switch (found.kind) {
    case 'found':
      return pass(check, `${found.networks.length} networks of accounts`);
    case 'unsure':
      return unsure(check, found.text);
    case 'unusable':
      return warn(check, found.text, 'accounts keep the networks they had; correct the name');
    default:
      return found satisfies never;
  }
}

export function judgeDmarc(name: string, { kind, at, text }: DmarcFacts): Finding {
  const check = `DMARC ${name}`;
  switch (kind) {
    case 'unsure':
      return unsure(check, text);
    case 'several':
      return fail(check, `${at} has several records, which count as none`, 'leave one');
    case 'none': {
      const fix = `add ${zoneLine(dmarcRecord(name))}`;
      return warn(check, 'there is none: anybody may pass for this domain', fix);
    }
    case 'found':
      return pass(check, at === `_dmarc.${name}` ? text : `${at}: ${text}`);
    default:
      return kind satisfies never;
  }
}
