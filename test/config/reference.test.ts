/** The reference names every key there is, so that a new one is not left undocumented. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as z from 'zod';
import { domainSchema } from '../../src/config/domain-schema.ts';
import { nodeSchema } from '../../src/config/node-schema.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Every key below a schema, its own and those of all forms of its values. */
function keysOf(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, member]) => [key, ...keysOf(member)]);
  }
  if (schema instanceof z.ZodArray) return keysOf(schema.element);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => keysOf(option));
  if (schema instanceof z.ZodPipe) return keysOf(schema.in);
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodPrefault
  ) {
    return keysOf(schema.unwrap());
  }
  return [];
}

test('docs/configuration.md names every key', () => {
  const keys = new Set([...keysOf(nodeSchema), ...keysOf(domainSchema)]);
  assert.ok(keys.size > 70, `${keys.size} keys`);
  const words = new Set(
    readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8').split(/[^a-z_]+/),
  );
  const missing = [...keys].filter(
    (key) => !words.has(key) && !words.has(key.replace('connections_per', '')),
  );
  assert.deepEqual(missing, []);
});
