/** An address from the network is never more than a value of the filter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EqualityFilter, FilterParser, OrFilter } from 'ldapts';
import { filterFor, filterForAnybody, filterProblem } from '../../src/directory/ldap/filter.ts';

const TEMPLATE = '(|(mail=%s)(proxyAddresses=smtp:%s))';

test('whatever stands in an address, the filter asks for exactly that', () => {
  const property = fc.property(
    fc.string({ unit: 'binary', maxLength: 64 }),
    fc.constantFrom('example.org', 'xn--bcher-kva.example'),
    (local, domain) => {
      const parsed = FilterParser.parseString(filterFor(TEMPLATE, { local, domain }));
      assert.ok(parsed instanceof OrFilter);
      const values = parsed.filters.map((one) => {
        assert.ok(one instanceof EqualityFilter, 'no place for a wildcard');
        return String(one.value);
      });
      assert.deepEqual(values, [`${local}@${domain}`, `smtp:${local}@${domain}`]);
    },
  );
  fc.assert(property, {
    numRuns: 200,
    examples: [
      ['*', 'example.org'],
      ['a)(mail=*', 'b.test'],
    ],
  });
});

test('local part and domain have places of their own; %% is a percent sign', () => {
  const template = '(&(uid=%u)(vhost=%d)(note=100%%))';
  assert.equal(
    filterFor(template, { local: 'a*b', domain: 'example.org' }),
    '(&(uid=a\\2ab)(vhost=example.org)(note=100%))',
  );
  assert.equal(filterForAnybody('(mail=smtp:%u@%d)'), '(mail=smtp:*@*)');
});

test('filters that cannot be asked are refused in words', () => {
  const cases: [string, RegExp | undefined][] = [
    [TEMPLATE, undefined],
    ['(&(objectClass=user)(mail=%u@example.org))', undefined],
    ['(mail=%s', /is no filter/],
    ['mail=%s', /begin with a parenthesis/],
    ['(mail=%x)', /after % only/],
    ['(objectClass=person)', /needs %s/],
    ['(objectClass=%d)', /needs %s/],
    ['(note=%%s)', /needs %s/],
    ['(mail:caseExactMatch:=%s)', /only stand behind =/],
    ['(mail>=%s)', /only stand behind =/],
    ['(%s=x)', /is no filter/],
  ];
  for (const [filter, expected] of cases) {
    const problem = filterProblem(filter);
    if (expected === undefined) assert.equal(problem, undefined, filter);
    else assert.match(problem ?? '', expected, filter);
  }
});
