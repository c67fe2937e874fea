/** The certificate that clients are shown, with what follows it in the file, as facts. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { errorText } from '../../base/errors.ts';

export interface CertificateFacts {
  readonly names: readonly string[];
  readonly coversHostname: boolean;
  /** In milliseconds since the Unix epoch, both. */
  readonly from: number;
  readonly to: number;
  readonly chain: Chain;
  /** Bits of the key file's mode. */
  readonly keyMode: number;
}

export type Chain =
  | { readonly kind: 'whole' | 'self-signed' }
  /** Nobody that the public trusts has signed the last one, or a link is missing. */
  | { readonly kind: 'open'; readonly issuer: string };

export type CertificateReading =
  | { readonly ok: true; readonly facts: CertificateFacts }
  | { readonly ok: false; readonly problem: string };

export async function readCertificate(
  files: { readonly cert: string; readonly key: string },
  hostname: string,
): Promise<CertificateReading> {
  // What cannot be read is the finding, not a surprise.
  try {
    const all = parsePem(await readFile(files.cert, 'utf8'));
    const [own, ...others] = all;
    if (own === undefined) return { ok: false, problem: `${files.cert} holds no certificate` };
    const { mode } = await stat(files.key);
    const facts = {
      names: namesOf(own),
      coversHostname: own.checkHost(hostname) !== undefined,
      from: Date.parse(own.validFrom),
      to: Date.parse(own.validTo),
      chain: followChain(own, others),
      keyMode: mode,
    };
    return { ok: true, facts };
  } catch (error) {
    return { ok: false, problem: errorText(error) };
  }
}

const MAX_CHAIN = 10;

function parsePem(text: string): X509Certificate[] {
  const blocks =
    text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.slice(0, MAX_CHAIN) ??
    [];
  return blocks.map((block) => new X509Certificate(block));
}

function namesOf({ subjectAltName, subject }: X509Certificate): string[] {
  const names = (subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, ''));
  const common = /^CN=(.+)$/m.exec(subject)?.[1];
  const all = names.filter((name) => name !== '');
  return all.length > 0 ? all : [common ?? 'nobody'];
}

function followChain(own: X509Certificate, others: readonly X509Certificate[]): Chain {
  let last = own;
  const left = [...others];
  for (;;) {
    if (last.checkIssued(last)) {
      return last === own ? { kind: 'self-signed' } : trustOf(last);
    }
    const index = left.findIndex((other) => last.checkIssued(other));
    const next = left.splice(index, index < 0 ? 0 : 1)[0];
    if (next === undefined) return trustOf(last);
    last = next;
  }
}

function trustOf(last: X509Certificate): Chain {
  const isPublic = rootCertificates.some((pem) => {
    const root = new X509Certificate(pem);
    return last.fingerprint256 === root.fingerprint256 || last.checkIssued(root);
  });
  return isPublic ? { kind: 'whole' } : { kind: 'open', issuer: last.issuer.replace(/\n/g, ', ') };
}
