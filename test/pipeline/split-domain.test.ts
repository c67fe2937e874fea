/** Which server of a split domain knows a recipient: the order, doubt, and who may have moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CalloutAnswer } from '../../src/delivery/courier.ts';
import type { Remembered } from '../../src/pipeline/recipient-memory.ts';
import { findHome } from '../../src/pipeline/split-domain.ts';
import { CUSTOMER_DOMAIN } from '../support/customer-domain.ts';

const routes = ['a', 'b', 'c'].map((key) => ({
  ...CUSTOMER_DOMAIN,
  lane: `example.org/${key}`,
  destination: { ...CUSTOMER_DOMAIN.destination, key },
}));

type Said = 'known' | 'unknown' | 'unsure';

/** `memory`: `b+` known there and fresh, `b~` known and old, `a-` fresh unknown, `a_` old unknown, `a!` fresh unknown since he left a. */
async function find(servers: Record<string, Said>, memory: readonly string[], closed = '') {
  const asked: string[] = [];
  const noted = memory.map((text): Remembered => {
    const [destination = '', sign = ''] = text;
    const answer = '+~'.includes(sign) ? 'known' : 'unknown';
    const fresh = '+-!'.includes(sign);
    const left = sign === '!' && { at: 1, leftAt: 1 };
    const when = { at: 0, askedAt: 0, ageMs: 0, leftMs: 1, ...left };
    return { answer, origin: 'asked', destination, ...when, fresh };
  });
  const home = await findHome(
    {
      memory: {
        recallHome: async () => noted.find(({ answer }) => answer === 'known'),
        recall: async (dest) => noted.find(({ destination }) => destination === dest),
      },
      isClosed: ({ destination }) => destination.key === closed,
      // oxlint-disable-next-line require-await -- the shape of a question to a server
      ask: async ({ destination: { key } }): Promise<CalloutAnswer> => {
        asked.push(key);
        const kind = servers[key] ?? 'unknown';
        const reply = { code: 250, lines: [] };
        return kind === 'unsure' ? { kind, text: 'later', unreachable: false } : { kind, reply };
      },
    },
    routes,
    'x@example.org',
    false,
  );
  const where = home.kind === 'known' ? `${home.kind} ${home.route.destination.key}` : home.kind;
  return `${where}, asked ${asked.join('')}`;
}

test('servers are asked in order; doubt ends the search, memory shortens it, a move begins it anew', async () => {
  const cases: [Record<string, Said>, readonly string[], string, string][] = [
    [{ a: 'known', b: 'known' }, [], '', 'known a, asked a'],
    [{ b: 'known' }, [], '', 'known b, asked ab'],
    [{}, [], '', 'unknown, asked abc'],
    [{ a: 'unsure', b: 'known' }, [], '', 'unsure, asked a'],
    [{ b: 'known' }, [], 'a', 'unsure, asked '],
    [{ a: 'known', b: 'known' }, ['b+'], '', 'known b, asked '],
    [{ b: 'known' }, ['b~'], '', 'known b, asked b'],
    [{ b: 'unsure' }, ['b~'], '', 'known b, asked b'],
    [{ b: 'known' }, ['b~'], 'b', 'known b, asked '],
    [{ c: 'known' }, ['b~', 'a-'], '', 'known c, asked bac'],
    [{ b: 'known' }, ['a-'], '', 'known b, asked b'],
    [{ a: 'unsure', b: 'known' }, ['a_'], '', 'known b, asked ab'],
    [{ a: 'unsure' }, ['b~'], '', 'unsure, asked ba'],
    [{ a: 'unsure' }, ['b~', 'a_'], '', 'unsure, asked ba'],
    [{}, ['a-', 'b-', 'c-'], '', 'unknown, asked '],
    [{ a: 'known' }, ['a-', 'b!', 'c-'], '', 'known a, asked a'],
    [{ a: 'unsure' }, ['a_', 'b!', 'c-'], '', 'unsure, asked a'],
    [{ c: 'known' }, ['a_', 'b!', 'c_'], 'a', 'unsure, asked '],
    [{}, ['a_', 'b!', 'c-'], '', 'unknown, asked ac'],
  ];
  for (const [servers, memory, closed, expected] of cases) {
    const found = await find(servers, memory, closed);
    assert.equal(found, expected, JSON.stringify([servers, memory, closed]));
  }
});
