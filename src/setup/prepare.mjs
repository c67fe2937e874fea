/**
 * Set-up of a fresh machine: `node src/setup/prepare.mjs run|check|test`, called by npm before the
 * script of that kind. Runs on any Node from 20, before a single dependency is there, so it is plain
 * JavaScript on Node alone. Installs the packages of the lockfile when they are missing or not
 * current, and for `run` and `test` the mail daemons from Debian's packages when they are missing and
 * it may; otherwise it says the exact command. Does nothing, quickly, when all is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const ROOT = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');

/**
 * What must be there, by purpose: an executable, the Debian packages that bring it, and what to
 * answer when they ask.
 */
const DAEMONS = {
  clamd: { program: 'clamd', packages: ['clamav-daemon'] },
  spamd: { program: 'spamd', packages: ['spamassassin', 'spamd'] },
  rspamd: { program: 'rspamd', packages: ['rspamd'] },
  postfix: { program: 'postfix', packages: ['postfix'] },
  // Without a configuration the package starts no server of its own.
  slapd: {
    program: 'slapd',
    packages: ['slapd'],
    answer: 'slapd slapd/no_configuration boolean true',
  },
  // Verifiers of DKIM signatures that are not ours.
  dkimpy: { program: 'dkimverify', packages: ['python3-dkim', 'python3-nacl'] },
  mailDkim: { program: 'dkimproxy-verify', packages: ['libmail-dkim-perl'] },
  // A client that logs in with SCRAM.
  gsasl: { program: 'gsasl', packages: ['gsasl'] },
  // A client that speaks TLS; the second package is its way to it.
  swaks: { program: 'swaks', packages: ['swaks', 'libnet-ssleay-perl'] },
};
const NEEDED = {
  check: [],
  run: [DAEMONS.clamd, DAEMONS.spamd],
  test: Object.values(DAEMONS),
};

const purpose = process.argv[2] ?? 'check';
if (!(purpose in NEEDED)) {
  console.error('usage: prepare.mjs run|check|test');
  process.exit(64);
}
installPackages();
installDaemons(NEEDED[purpose]);

function installPackages() {
  const stamp = join(ROOT, 'node_modules', '.sluice-lock');
  const lock = join(ROOT, 'package-lock.json');
  if (!existsSync(lock)) return; // an installed package, not a checkout
  const wanted = createHash('sha256')
    .update(readFileSync(lock))
    .update(readFileSync(join(ROOT, 'package.json')))
    .digest('hex');
  const node = join(ROOT, 'node_modules', '.bin', 'node');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(node)) return;
  console.error('setup: installing the npm packages of package-lock.json');
  // `ci`: exactly the lockfile, or a clear refusal when package.json says something else.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const done = spawnSync('npm', args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, npm_config_engine_strict: 'false' },
  });
  if (done.status !== 0) fail('npm ci failed; its messages are above');
  if (!existsSync(node)) fail('npm ci did not bring Node 24 (devDependency "node")');
  writeFileSync(stamp, wanted);
}

function installDaemons(daemons) {
  const missing = daemons.filter((daemon) => !isInstalled(daemon.program));
  if (missing.length === 0) return;
  const packages = missing.flatMap((daemon) => daemon.packages);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    console.error(
      `setup: missing ${missing.map((d) => d.program).join(', ')}; as root: ${command}`,
    );
    return;
  }
  console.error(`setup: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (args) =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  const answers = missing.flatMap((daemon) => daemon.answer ?? []);
  if (answers.length > 0) spawnSync('debconf-set-selections', { input: `${answers.join('\n')}\n` });
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  // The package lists are fetched only when the ones at hand do not do.
  if (!run([...install, '-qq']) && !(run(['update', '-qq']) && run(install))) {
    console.error(`setup: could not install them; try: apt-get update && ${command}`);
  }
}

function isInstalled(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function fail(text) {
  console.error(`setup: ${text}`);
  process.exit(1);
}
