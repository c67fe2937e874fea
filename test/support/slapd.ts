/**
 * A real OpenLDAP server with a thousand times more people than a test needs, on ports of its own,
 * in the clear with StartTLS and under TLS. Only who binds as `cn=sluice` sees anybody.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../../src/smtp/self-made-certificate.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

const SLAPD = '/usr/sbin/slapd';

export function slapdMissing(): string | undefined {
  return existsSync(SLAPD) ? undefined : 'slapd (apt-get install slapd)';
}

export interface Person {
  readonly mail: string;
  /** As Exchange keeps them, without `smtp:`. */
  readonly others?: readonly string[];
}

export class Slapd {
  static readonly base = 'dc=example,dc=org';
  static readonly bindDn = 'cn=sluice,dc=example,dc=org';
  static readonly password = 'p(a*s)s';
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  #child: ChildProcess | undefined;
  said = '';

  private constructor(folder: string, port: number, tlsPort: number) {
    this.folder = folder;
    this.port = port;
    this.tlsPort = tlsPort;
  }

  /** The certificate that it shows for `localhost`. */
  get ca(): string {
    return join(this.folder, 'cert.pem');
  }

  static async make(people: readonly Person[]): Promise<Slapd> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-slapd-'));
    const slapd = new Slapd(folder, await freePort(), await freePort());
    // A copy: distributions confine the program at its usual place to their own folders.
    copyFileSync(SLAPD, join(folder, 'slapd'));
    mkdirSync(join(folder, 'db'));
    const now = Date.now();
    const pair = makeCertificate({
      hostname: 'localhost',
      notBefore: now - 86_400_000,
      notAfter: now + 86_400_000,
    });
    writeFileSync(slapd.ca, pair.cert);
    writeFileSync(join(folder, 'key.pem'), pair.key);
    writeFileSync(join(folder, 'slapd.conf'), slapd.#settings());
    writeFileSync(join(folder, 'people.ldif'), ldif(people));
    slapd.#run(['-T', 'add', '-q', '-f', 'slapd.conf', '-l', 'people.ldif']);
    return slapd;
  }

  async start(): Promise<this> {
    const urls = `ldap://127.0.0.1:${this.port}/ ldaps://127.0.0.1:${this.tlsPort}/`;
    const child = spawn(join(this.folder, 'slapd'), ['-f', 'slapd.conf', '-h', urls, '-d', '0'], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.said += chunk.toString();
    });
    this.#child = child;
    await until(`slapd to listen: ${this.said}`, () => listens(this.port));
    return this;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    this.#child = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(args: readonly string[]): void {
    const done = spawnSync(join(this.folder, 'slapd'), args, { cwd: this.folder });
    if (done.status !== 0) throw new Error(`slapd ${args.join(' ')}: ${done.stderr.toString()}`);
  }

  #settings(): string {
    return `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'proxyAddresses'
  EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2 NAME 'exchangePerson' SUP top AUXILIARY MAY proxyAddresses )
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${this.folder}/cert.pem
TLSCertificateKeyFile ${this.folder}/key.pem
database mdb
suffix ${Slapd.base}
directory ${this.folder}/db
maxsize 268435456
index mail,proxyAddresses pres,eq,sub
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${Slapd.bindDn}" read by * none
`;
  }
}

function ldif(people: readonly Person[]): string {
  const entries = people.map(({ mail, others = [] }, index) => {
    const proxies = [mail, ...others].map((address) => `proxyAddresses: smtp:${address}\n`);
    return `dn: uid=p${index},${Slapd.base}
objectClass: inetOrgPerson
objectClass: exchangePerson
cn: p${index}
sn: p${index}
uid: p${index}
mail: ${mail}
${proxies.join('')}`;
  });
  return [
    `dn: ${Slapd.base}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n`,
    `dn: ${Slapd.bindDn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: sluice\nuserPassword: ${Slapd.password}\n`,
    ...entries,
  ].join('\n');
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
