/** Which refusals say that our address is on a block list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isListing } from '../../src/delivery/listing-signs.ts';

const refused = (text: string) => isListing({ code: 550, lines: [text] });

test('refusals of well-known receivers because of a list', () => {
  for (const text of [
    'Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.25',
    "Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
    'Connection from 192.0.2.25 rejected: listed in b.barracudacentral.org',
    'Your IP address is blacklisted, see https://example.net/why',
    '192.0.2.25 is listed by spamcop',
    'Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.25 - sending IP is on a blocklist',
    'Client host rejected: 2001:db8::25 found in DNSBL',
    'Requested action not taken: banned sending IP [192.0.2.25]',
  ]) {
    assert.ok(refused(text), text);
  }
});

test('what is said of the mail, of a sender or of nothing is none', () => {
  for (const text of [
    'No such user here',
    'Message contains a URL listed by dbl.spamhaus.org, sent by 192.0.2.25',
    'Sender domain is on our blocklist',
    'The body of the message from 192.0.2.25 has a link in a black list',
    'Mailbox is full',
    'Too many connections from 192.0.2.25',
    'Your IP address may not relay',
  ]) {
    assert.ok(!refused(text), text);
  }
  assert.ok(!isListing({ code: 250, lines: ['Ok, though your ip address is blacklisted'] }));
});
