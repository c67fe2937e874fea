/** An operator sees which filters run: shipped ones and his own, and whether they can work. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Gateway } from '../support/gateway.ts';

const OWN = `export default {
  name: 'night-watch',
  options: {},
  hooks: { mail: () => undefined, data: () => undefined },
};
`;

test('plugins list shows each filter with its state, hooks and error policy', async () => {
  const gateway = await Gateway.make({
    domains: {},
    plugins: '[{ night-watch: { on_error: accept } }, { clamav: { address: "127.0.0.1:1" } }]',
  });
  try {
    const file = join(gateway.folder, 'plugins', 'night-watch.js');
    mkdirSync(join(gateway.folder, 'plugins'));
    writeFileSync(join(gateway.folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(file, OWN);
    await gateway.start();
    const json = await gateway.cli('plugins', 'list', '--json');
    assert.equal(json.code, 0, json.stderr);
    const rows = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { file: shipped, ...clamav } = rows[1];
    assert.match(shipped, /plugins.clamav\.ts$/);
    assert.deepEqual(
      [rows[0], clamav],
      [
        {
          ...{ v: 1, kind: 'plugin', name: 'night-watch', source: 'own', file, state: 'loaded' },
          ...{ hooks: ['mail', 'data'], on_error: 'accept', timeout: 30, max_concurrent: 100 },
        },
        {
          ...{ v: 1, kind: 'plugin', name: 'clamav', source: 'shipped', service: 'virus' },
          ...{ state: 'down', hooks: ['content'], on_error: 'defer' },
          ...{ timeout: 30, max_concurrent: 10 },
        },
      ],
    );
    const table = await gateway.cli('plugins', 'list');
    assert.match(table.stdout, /^NAME +STATE +SERVICE +HOOKS +ON-ERROR/);
    assert.match(table.stdout, /^night-watch +loaded +- +mail,data +accept .*night-watch\.js$/m);
    assert.match(table.stdout, /^clamav +down +virus +content +defer .*shipped$/m);
  } finally {
    await gateway.remove();
  }
});
