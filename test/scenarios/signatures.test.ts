/** DKIM survives: each signature that verified before the gateway verifies after it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { authenticate } from 'mailauth';
import { CORPUS, corpusFiles, corpusMail, hasCorpus } from '../support/corpus.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { sendMail } from '../support/smtp-talk.ts';

interface Zone {
  readonly records: Readonly<Record<string, { readonly TXT?: readonly (readonly string[])[] }>>;
}

/** TXT records of all the zones that come with signed mails. */
function zones(): (name: string, type: string) => Promise<string[][]> {
  const names = new Map<string, string[][]>();
  for (const file of [...corpusFiles('zones/cases'), 'zones/common/rspamd-plugins.json']) {
    if (file.includes('dkimpy-variant')) continue;
    const { records } = JSON.parse(readFileSync(join(CORPUS, file), 'utf8')) as Zone;
    for (const [name, { TXT }] of Object.entries(records)) {
      if (TXT !== undefined)
        names.set(
          name,
          TXT.map((strings) => [...strings]),
        );
    }
  }
  // oxlint-disable-next-line require-await -- the resolver's shape
  return async (name, type) => {
    const found = type === 'TXT' ? names.get(name.toLowerCase()) : undefined;
    if (found === undefined) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    return found;
  };
}

test('what verified before, verifies after', async (t) => {
  if (!hasCorpus()) {
    missing(t, 'the mail corpus in ../shared/corpus');
    return;
  }
  const oracle = JSON.parse(readFileSync(join(CORPUS, 'dkim-arc-oracle.json'), 'utf8')) as Record<
    string,
    { dkim: { result: unknown }[] }
  >;
  const resolver = zones();
  const results = async (mail: Buffer) => {
    const { dkim } = await authenticate(mail, {
      ip: '192.0.2.1',
      helo: 'client.example',
      sender: 'a@b.example',
      resolver,
      disableArc: true,
      disableDmarc: true,
      disableBimi: true,
    });
    return dkim.results.map(
      ({ signingDomain, selector, status }) =>
        `${selector}._domainkey.${signingDomain} ${status.result}`,
    );
  };
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'limits: { hops: 100 }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  let verified = 0;
  try {
    for (const file of Object.keys(oracle)) {
      const mail = corpusMail(file);
      const reply = await sendMail(gateway.port(), 'a@b.example', ['x@example.org'], mail);
      assert.match(reply, /^250/, file);
      const arrived = destination.arrived.pop()?.content ?? Buffer.alloc(0);
      const before = await results(mail);
      assert.deepEqual(await results(arrived), before, file);
      verified += before.filter((result) => result.endsWith(' pass')).length;
    }
  } finally {
    await gateway.remove();
    await destination.stop();
  }
  assert.ok(verified >= 15, `only ${verified} signatures verified at all`);
});
