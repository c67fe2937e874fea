/**
 * A real Postfix as the customer's server: a private instance on a port of its own that takes every
 * address of a domain and puts each mail into one Maildir. Needs root, as Postfix itself does.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

const SENDMAIL = '/usr/sbin/postfix';

export function postfixMissing(): string | undefined {
  if (spawnSync(SENDMAIL, ['-h']).error !== undefined) return 'postfix (apt-get install postfix)';
  return process.getuid?.() === 0 ? undefined : 'postfix as root';
}

export class Postfix {
  readonly folder: string;
  readonly port: number;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  /** Takes every address of the domain, or only these; `more`: further lines of its configuration. */
  static async start(domain: string, only?: readonly string[], more = ''): Promise<Postfix> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-postfix-'));
    chmodSync(folder, 0o755);
    const port = await freePort();
    const config = join(folder, 'etc');
    for (const name of ['etc', 'spool', 'lib', 'mail', 'log']) mkdirSync(join(folder, name));
    execFileSync('chown', ['postfix', join(folder, 'lib')]);
    execFileSync('chown', ['nobody', join(folder, 'mail')]);
    const nobody = execFileSync('id', ['-u', 'nobody']).toString().trim();
    const group = execFileSync('id', ['-g', 'nobody']).toString().trim();
    writeFileSync(
      join(config, 'main.cf'),
      `compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/lib
maillog_file = ${folder}/log/mail.log
maillog_file_prefixes = ${folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = destination.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtputf8_enable = yes
local_header_rewrite_clients =
message_drop_headers =
message_size_limit = 104857600
virtual_mailbox_limit = 0
virtual_mailbox_domains = ${domain}
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = ${only === undefined ? 'static:box/' : `inline:{${only.map((address) => `{${address}=box/}`).join(', ')}}`}
virtual_uid_maps = static:${nobody}
virtual_gid_maps = static:${group}
virtual_transport = virtual
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
${more}
`,
    );
    writeFileSync(
      join(config, 'master.cf'),
      `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`,
    );
    const started = spawnSync(SENDMAIL, ['-c', config, 'start'], { encoding: 'utf8' });
    if (started.status !== 0) throw new Error(`postfix: ${started.stderr}${started.stdout}`);
    return new Postfix(folder, port);
  }

  /** Mails as they lie in the Maildir, once there are `count`. */
  async mails(count: number, timeoutMs = 60_000): Promise<Buffer[]> {
    const inbox = join(this.folder, 'mail', 'box', 'new');
    const names = () => {
      try {
        return readdirSync(inbox);
      } catch {
        return []; // made with the first mail
      }
    };
    await until(`${count} mails in the Maildir`, () => names().length >= count, timeoutMs).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; ${names().length} there\n${this.log().slice(-2000)}`);
      },
    );
    return names().map((name) => readFileSync(join(inbox, name)));
  }

  log(): string {
    return readFileSync(join(this.folder, 'log', 'mail.log'), 'utf8');
  }

  stop(): void {
    spawnSync(SENDMAIL, ['-c', join(this.folder, 'etc'), 'stop']);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
