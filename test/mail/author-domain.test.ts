/** Whose name mail carries: one domain that no reader can take for another, or nobody's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorDomain, authorDomains } from '../../src/mail/author-domain.ts';
import { headerFields } from '../../src/mail/header.ts';

function domainOf(header: string): string | undefined {
  const bytes = Buffer.from(`${header}\r\n`);
  return authorDomain(bytes, headerFields(bytes));
}

test('the domain of the From field, however it is written', () => {
  for (const value of [
    'anna@example.org',
    ' <anna@Example.ORG> ',
    'Anna <anna@example.org>',
    '"Anna, (x) <eve@evil.test>" <anna@example.org>',
    'Anna (eve@evil.test, (nested \\) <x>)) <anna@example.org>',
    '\r\n\t"A\\"nna" \r\n <anna@example.org>',
    'anna@example.org, Bob <bob@example.org>',
    '"a@b"@example.org',
    '"an na" <"an na"@example.org>',
    'Anna @ work <anna@example.org>',
    'anna@example.org <anna@example.org>',
    '"eve@evil.test" <anna@example.org>',
  ]) {
    assert.equal(domainOf(`From: ${value}`), 'example.org', value);
  }
  assert.equal(domainOf('from : =?utf-8?q?x?= <a@b\u00fccher.example>'), 'b\u00fccher.example');
});

test('addresses of several domains', () => {
  const of = (header: string) => {
    const bytes = Buffer.from(`${header}\r\n`);
    return authorDomains(bytes, headerFields(bytes));
  };
  assert.deepEqual(of('From: a@example.org, B <b@EXAMPLE.com>, <c@example.org>'), [
    'example.org',
    'example.com',
  ]);
  assert.equal(of('From: a@example.org, nobody'), undefined);
  assert.equal(of('From: ,'), undefined);
  assert.equal(of('Subject: x'), undefined);
});

test('what could be another author is nobody', () => {
  for (const header of [
    'Subject: x',
    'From: anna@example.org\r\nFrom: eve@evil.test',
    'From: anna@example.org\r\nFROM: anna@example.org',
    'From: anna@example.org, eve@evil.test',
    'From: <anna@example.org> <eve@evil.test>',
    'From: <<anna@example.org>>',
    'From: <anna@example.org> eve@evil.test',
    'From: <anna@example.org>"eve@evil.test"',
    'From: <eve@evil.test,anna@example.org>',
    'From: Anna <anna@example.org',
    'From: anna@example.org>',
    'From: "Anna <anna@example.org>',
    'From: Anna (x <anna@example.org>',
    'From: friends: anna@example.org;',
    'From: eve@evil.test:anna@example.org',
    'From: ',
    'From: anna',
    'From: @example.org',
    'From: <@evil.test:anna@example.org>',
    'From: anna@[192.0.2.1]',
    'From: eve@evil.test@example.org',
    'From: Anna <eve@evil.test@example.org>',
    'From: eve@evil.test anna@example.org',
    'From: "eve@evil.test" anna@example.org',
    'From: <"eve@evil.test"anna@example.org>',
    'From: eve@evil.test <anna@example.org>',
    'From: for eve@evil.test<anna@example.org>',
    'From: anna@example.org\r\nFrom\0: eve@evil.test',
    'From: anna@example.org\r\nFr\x01om: eve@evil.test',
    'From: anna@example.org\r\n\x0bFrom: eve@evil.test',
    'From: anna@example.org\r\nFrom\u00a0: eve@evil.test',
    'From: anna@example.org\r\nFrom\u200b: eve@evil.test',
    'From: eve@evil.test\0 <anna@example.org>',
    'From: Anna\x1b <anna@example.org>',
    'From: anna@example.org, nobody',
    `From: ${'x'.repeat(9000)} <anna@example.org>`,
  ]) {
    assert.equal(domainOf(header), undefined, header);
  }
  const bytes = Buffer.from('From: anna@ex\xe4mple.org\r\n', 'latin1');
  assert.equal(authorDomain(bytes, headerFields(bytes)), undefined, 'no UTF-8');
});
