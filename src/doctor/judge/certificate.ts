/** Whether clients can make something of the certificate. */
import type { CertificateReading } from '../facts/certificate.ts';
import type { Finding } from '../finding.ts';
import { fail, named, pass, warn } from '../finding.ts';

const DAY_MS = 86_400_000;
/** Whoever renews by itself has done so by now. */
const SOON_DAYS = 21;

export interface CertificateUse {
  readonly hostname: string;
  readonly now: number;
  /** Made by the gateway itself: nobody expects that anybody has signed it. */
  readonly isSelfMade: boolean;
  /** Mail programs log in here, which do not take any certificate as servers do. */
  readonly hasLogins: boolean;
  readonly keyFile: string;
}

export function judgeCertificate(reading: CertificateReading, use: CertificateUse): Finding[] {
  const check = 'certificate';
  if (!reading.ok) return [fail(check, reading.problem, 'correct tls.cert and tls.key')];
  const { facts } = reading;
  return [
    judgeValidity(check, facts.from, facts.to, use),
    judgeSigner(facts.chain, use),
    ...(facts.coversHostname
      ? []
      : [
          warn(
            'certificate name',
            `${use.hostname} is not among its names: ${named(facts.names)}`,
            `get one for ${use.hostname}`,
          ),
        ]),
    ...((facts.keyMode & 0o007) === 0
      ? []
      : [
          fail(
            'private key',
            `everybody may read ${use.keyFile}`,
            `chmod o-rwx ${use.keyFile}, and get a new key: this one is known`,
          ),
        ]),
  ];
}

function judgeValidity(check: string, from: number, to: number, use: CertificateUse): Finding {
  const renew = 'renew it; the gateway takes the new one at a reload';
  if (use.now < from)
    return fail(check, `is valid only from ${day(from)} on`, 'is the clock right?');
  if (use.now >= to) return fail(check, `expired on ${day(to)}`, renew);
  const days = Math.floor((to - use.now) / DAY_MS);
  const text = `valid until ${day(to)} (${days} days)`;
  return days < SOON_DAYS ? warn(check, text, renew) : pass(check, text);
}

function judgeSigner(
  chain: { readonly kind: string; readonly issuer?: string },
  { isSelfMade, hasLogins }: CertificateUse,
): Finding {
  const check = 'certificate signer';
  const fix = 'get one of a public authority such as Let’s Encrypt, with its chain (fullchain.pem)';
  if (chain.kind === 'whole') return pass(check, 'a public authority, by a whole chain');
  if (isSelfMade && !hasLogins)
    return pass(check, 'this gateway itself: it encrypts, proves nothing');
  if (isSelfMade) return warn(check, 'this gateway itself: mail programs refuse to log in', fix);
  if (chain.kind === 'self-signed') return warn(check, 'it is signed by itself', fix);
  return warn(check, `nobody public is known to vouch for its signer (${chain.issuer})`, fix);
}

function day(at: number): string {
  return Number.isNaN(at) ? 'an unknown day' : new Date(at).toISOString().slice(0, 10);
}
