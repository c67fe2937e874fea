/**
 * Certificates for the server side: what the operator configured, else a self-made one for our
 * hostname that is kept, so that peers which remember certificates see the same one again. `load`
 * may be called again at a reload: handshakes that begin later use the new certificate, and when it
 * cannot be used the old one stays. Never accepts less than TLS 1.2.
 */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { makeCertificate } from './self-made-certificate.ts';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateView {
  readonly subject: string;
  readonly names: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  readonly selfMade: boolean;
}

const DAY_MS = 86_400_000;
const SELF_MADE_DAYS = 3650;
/** A self-made certificate is made anew this long before it expires. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

interface Pem {
  readonly cert: string;
  readonly key: string;
}

export class TlsContexts {
  readonly #folder: string;
  readonly #clock: Clock;
  #context: SecureContext | undefined;
  #view: CertificateView | undefined;

  /** Self-made certificates are kept in `folder`. */
  constructor(options: { readonly folder: string; readonly clock: Clock }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
  }

  /** Loads the given files, or the self-made certificate for `hostname` when there are none. */
  async load(hostname: string, files: CertificateFiles | undefined): Promise<CertificateView> {
    const pem = files === undefined ? await this.#selfMade(hostname) : await readPem(files);
    const names = files === undefined ? 'self-made certificate' : `${files.cert}, ${files.key}`;
    try {
      this.#context = serverContext(pem);
      const certificate = new X509Certificate(pem.cert);
      this.#view = {
        subject: certificate.subject,
        names: certificate.subjectAltName ?? '',
        expiresAt: Date.parse(certificate.validTo),
        selfMade: files === undefined,
      };
      return this.#view;
    } catch (cause) {
      throw new CodedError('CONFIG_INVALID', `${names}: ${errorText(cause)}`, { cause });
    }
  }

  /** For a handshake that begins now. */
  current(): SecureContext {
    if (this.#context === undefined) {
      throw new CodedError('TLS_FAILED', 'no certificate has been loaded');
    }
    return this.#context;
  }

  get view(): CertificateView | undefined {
    return this.#view;
  }

  async #selfMade(hostname: string): Promise<Pem> {
    const files = {
      cert: join(this.#folder, 'self-made.cert.pem'),
      key: join(this.#folder, 'self-made.key.pem'),
    };
    const kept = await readPem(files).catch(() => undefined);
    if (kept !== undefined && isUsable(kept, hostname, this.#clock.now())) return kept;
    const now = this.#clock.now();
    const pem = makeCertificate({
      hostname,
      notBefore: now - DAY_MS,
      notAfter: now + SELF_MADE_DAYS * DAY_MS,
    });
    await mkdir(this.#folder, { recursive: true });
    await replaceFile(files.key, pem.key, 0o600);
    await replaceFile(files.cert, pem.cert, 0o644);
    return pem;
  }
}

function serverContext(pem: Pem): SecureContext {
  return createSecureContext({
    cert: pem.cert,
    key: pem.key,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}

async function readPem(files: CertificateFiles): Promise<Pem> {
  const read = (file: string) =>
    readFile(file, 'utf8').catch((cause: unknown) => {
      throw new CodedError('CONFIG_INVALID', `${file}: ${errorText(cause)}`, { cause });
    });
  return { cert: await read(files.cert), key: await read(files.key) };
}

function isUsable(pem: Pem, hostname: string, now: number): boolean {
  try {
    const certificate = new X509Certificate(pem.cert);
    return (
      certificate.checkHost(hostname) !== undefined &&
      certificate.checkPrivateKey(createPrivateKey(pem.key)) &&
      Date.parse(certificate.validTo) - now > RENEW_BEFORE_MS
    );
  } catch {
    // Unreadable: it is made anew.
    return false;
  }
}

/** Never leaves half a file behind. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
