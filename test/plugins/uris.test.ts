/**
 * What the plugin uri-lists finds in mails: where each address leads however it is written, of which
 * kind it is, which ones lists are asked about, and that no content is more than bounded work.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memoryContent } from '../../src/mail/content.ts';
import { chosen } from '../../plugins/uri-lists/chosen.ts';
import { Ends } from '../../plugins/shared/uris/ends.ts';
import { isBelow } from '../../plugins/shared/uris/known-names.ts';
import type { MailLinks } from '../../plugins/shared/uris/mail-links.ts';
import { linksOf } from '../../plugins/shared/uris/mail-links.ts';
import { corpusFiles, corpusMail, hasCorpus, sample } from '../support/corpus.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { NEVER } from '../support/filter-view.ts';
import { missing } from '../support/real-component.ts';
import { seededRandom } from '../support/seeded-random.ts';

const MAX_TEXT = 2 * 1024 * 1024;

function linksIn(mail: string | Buffer): Promise<MailLinks> {
  const bytes = typeof mail === 'string' ? Buffer.from(mail, 'utf8') : mail;
  return linksOf(memoryContent([bytes]), MAX_TEXT, NEVER);
}

function part(type: string, body: string | Buffer, more = ''): Buffer {
  return Buffer.concat([
    Buffer.from(`Subject: x\r\nContent-Type: ${type}\r\n${more}\r\n`),
    Buffer.from(body),
    Buffer.from('\r\n'),
  ]);
}

const found = async (mail: Buffer) =>
  (await linksIn(mail)).mentions.map(({ kind, place }) => `${kind} ${place.host}`);

/** In text or HTML; what comes of it, in order. */
type Cases = Readonly<Record<string, readonly [given: string, ...hosts: string[]]>>;

const TEXTS: Cases = {
  'a scheme': ['see http://one.example.com/x, or not', 'text one.example.com'],
  'a full stop behind it': ['(https://one.example.com).', 'text one.example.com'],
  'two with a comma': ['http://a.com,http://b.com', 'text a.com', 'text b.com'],
  www: ['go to WWW.Example.COM!', 'text www.example.com'],
  'a bare name': ['go to shop.evil.info/win now', 'bare shop.evil.info'],
  'the end of a sentence': ['This is it.And so on. file.txt e.g. 1.5', ''],
  'a mail address': ['write to anna@example.com or <bob@example.net>', ''],
  'user and password': ['http://paypal.com@evil.com/', 'text evil.com'],
  'a port': ['http://evil.com:8080/', 'text evil.com'],
  'an international name': ['http://bücher.example.com', 'text xn--bcher-kva.example.com'],
  'an international bare name': ['auf müller.de gibt es', 'bare xn--mller-kva.de'],
  'an ideographic full stop': ['http://evil。com/', 'text evil.com'],
  'four numbers': ['http://203.0.113.9/x', 'text 203.0.113.9'],
  'one number': ['http://3405803785/', 'text 203.0.113.9'],
  hexadecimal: ['http://0xcb.0x0.0x71.0x9/', 'text 203.0.113.9'],
  octal: ['http://0313.0.0161.011/', 'text 203.0.113.9'],
  IPv6: ['http://[2001:db8::1]/', 'text 2001:db8::1'],
  backslashes: ['http:\\\\evil.com\\x', 'text evil.com'],
  'a name without an ending': ['http://localhost/ http://x/', ''],
  'a redirector': [
    'http://r.com/url?q=https%3A%2F%2Fevil.com%2F&x=1',
    'text r.com',
    'nested evil.com',
  ],
  'a redirector to a name': ['http://r.com/?q=www.evil.com', 'text r.com', 'nested www.evil.com'],
  'a redirector in base64': [
    `http://r.com/c/${Buffer.from('http://evil.com/').toString('base64')}`,
    'text r.com',
    'nested evil.com',
  ],
  'a redirector to a redirector': [
    'http://r.com/http://s.com/http%253A//evil.com',
    'text r.com',
    'nested s.com',
    'nested evil.com',
  ],
  'what a filter has rewritten': [
    'https://urldefense.proofpoint.com/v2/url?u=http-3A__evil.com_x&d=D',
    'text urldefense.proofpoint.com',
    'nested evil.com',
  ],
  'what an older one has rewritten': [
    'https://urldefense.proofpoint.com/v1/url?u=http://evil-site.com&k=1',
    ...['text urldefense.proofpoint.com', 'nested evil-site.com'],
  ],
  'what a newer one has rewritten': [
    'https://urldefense.com/v3/__http://evil.com__;!!AbC!xyz$ and https://urldefense.us/v3/__https:/b.com/?q=www.c.com__;!!A',
    ...['text urldefense.com', 'nested evil.com'],
    ...['text urldefense.us', 'nested b.com', 'nested www.c.com'],
  ],
  'what others have rewritten': [
    'https://url.avanan.click/v2/___http://evil.com___.YXA6 https://protect-eu.mimecast.com/s/AbC?domain=evil.com',
    ...['text url.avanan.click', 'nested evil.com'],
    ...['text protect-eu.mimecast.com', 'nested evil.com'],
  ],
};

const PAGES: Cases = {
  'a link': ['<a href="http://evil.com/x">here</a>', 'link evil.com'],
  'capitals, no quotes': ['<A HREF=http://evil.com>here</A>', 'link evil.com'],
  'character references': [
    '<a href="&#104;&#x74;tp&colon;//ev&#105;l&period;com">x</a>',
    'link evil.com',
  ],
  'tabs and line ends': ['<a href=" \x01ht\ttp://ev\r\nil.com/">x</a>', 'link evil.com'],
  'percent signs': ['<a href="http://%65vil.com/">x</a>', 'link evil.com'],
  'no scheme': ['<a href="//evil.com/x">x</a>', 'link evil.com'],
  'no slashes': ['<a href="http:evil.com">x</a>', 'link evil.com'],
  base: ['<base href="http://evil.com/a/"><a href="x/y">x</a>', 'link evil.com'],
  'a form': ['<form action="http://evil.com/"><button formaction="http://b.com">', ...both()],
  'a map': ['<map><area href="http://evil.com/"></map>', 'link evil.com'],
  refresh: ['<meta http-equiv=refresh content="0; URL=\'http://evil.com/\'">', 'link evil.com'],
  pictures: [
    '<img src="http://evil.com/1.gif" srcset="http://b.com/2 2x"><td background=http://c.com/>',
    'image evil.com',
    'image b.com',
    'image c.com',
  ],
  styles: [
    '<style>@import "http://evil.com/a"; b{background:url(http://b.com/)}</style>' +
      '<p style="background:url(&quot;http://c.com/&quot;)">',
    ...['image evil.com', 'image b.com', 'image c.com'],
  ],
  'a script': ['<script>location="http://evil.com/"</script>', 'image evil.com'],
  'text in it': ['<p>go to www.<b>evil</b>.com</p>', 'text www.evil.com'],
  'a comment': ['<!-- <a href="http://no.com">x</a> --><a href=http://evil.com>x', 'link evil.com'],
  'a comment that ends as browsers take it': [
    '<!-- a --!><a href=http://evil.com>x',
    'link evil.com',
  ],
  'what looks like a comment in a title': [
    '<title><!--</title><textarea><!--</textarea><a href=http://evil.com>x',
    'link evil.com',
  ],
  'a comment for Outlook': [
    '<!--[if mso]><a href="http://evil.com">x</a><![endif]-->',
    'link evil.com',
  ],
  'a page in a link': [
    `<a href="data:text/html;base64,${Buffer.from('<a href=http://evil.com>x</a>').toString('base64')}">x</a>`,
    'link evil.com',
  ],
  'a script in a link': [
    '<a href="java\nscript:location=\'http://evil.com\'">x</a>',
    'image evil.com',
  ],
  'an SVG link': ['<svg><a xlink:href="http://evil.com/">x</a></svg>', 'link evil.com'],
  'a tag without end': ['<a href=http://evil.com/', 'link evil.com'],
  'what is no link': ['<a name=x>1 < 2</a><a href="#x">x</a><a href="mailto:a@b.com">x</a>'],
};

function both(): string[] {
  return ['form evil.com', 'form b.com'];
}

for (const [cases, type] of [
  [TEXTS, 'text/plain; charset=utf-8'],
  [PAGES, 'text/html; charset=utf-8'],
] as const) {
  test(`where addresses in ${type.split(';')[0]} lead, however they are written`, async () => {
    for (const [what, [given, ...hosts]] of Object.entries(cases)) {
      assert.deepEqual(await found(part(type, given)), hosts.filter(Boolean), what);
    }
  });
}

test('the encoding and the charset of a part do not matter', async () => {
  const html = '<a href="http://bücher.com/">x</a>';
  const utf16 = Buffer.from(`\ufeff${html}`, 'utf16le');
  const mails: Record<string, Buffer> = {
    'quoted-printable': part(
      'text/html; charset=utf-8',
      '<a href=3D"http://b=C3=BCch=\r\ner.com/">x</a>',
      'Content-Transfer-Encoding: quoted-printable\r\n',
    ),
    base64: part(
      'text/html; charset=iso-8859-1',
      Buffer.from(html, 'latin1').toString('base64'),
      'Content-Transfer-Encoding: base64\r\n',
    ),
    'UTF-16 with a mark': part(
      'text/html',
      utf16.toString('base64'),
      'Content-Transfer-Encoding: base64\r\n',
    ),
    'UTF-7': part(
      'text/html; charset=utf-7',
      '+ADw-a href+AD0AIg-http:+AC8ALw-b+APw-cher.com/+ACIAPg-',
    ),
    'a charset that is none': part('text/html; charset=nonsense', html),
    'a file': part('application/octet-stream; name=bill.HTML', html),
    'a type that is none': part('text', 'http://bücher.com/'),
    'an attached mail': part('message/rfc822', 'Content-Type: text/html\r\n\r\n' + html),
  };
  for (const [what, mail] of Object.entries(mails)) {
    const hosts = (await linksIn(mail)).mentions.map(({ place }) => place.host);
    assert.deepEqual(hosts, ['xn--bcher-kva.com'], what);
  }
});

test('who fills a mail with names cannot choose which ones lists are asked about', async () => {
  const many = (kind: (i: number) => string) => Array.from({ length: 3000 }, (_, i) => kind(i));
  const html = [
    '<a href="http://first.com">x</a>',
    ...many((i) => `<a href="http://fill${i}.com">x</a>`),
    '<a href="http://last.com">x</a> see www.text.com <img src="http://picture.com/x">',
    ...many((i) => `<img src="http://more${i}.com">`),
    '<a style="display:none" href="http://hidden.com">x</a>',
  ].join('\n');
  const { mentions } = await linksIn(part('text/html', html));
  assert.ok(mentions.length <= 2000);
  const { asked, total } = chosen(mentions, 20, (name) => name === 'fill0.com');
  const domains = asked.map(({ domain }) => domain);
  assert.equal(domains.length, 20);
  assert.ok(total > 1000);
  for (const name of ['first.com', 'hidden.com']) assert.ok(domains.includes(name), name);
  assert.ok(!domains.includes('fill0.com'), 'what is known is not asked about');
  const other = await linksIn(
    part('text/html', html.replace(/(?:<img [^>]*more\d+[^>]*>\n)+/, '')),
  );
  const names = chosen(other.mentions, 20, () => false).asked.map(({ domain }) => domain);
  for (const name of ['first.com', 'last.com', 'text.com', 'picture.com', 'hidden.com']) {
    assert.ok(names.includes(name), name);
  }
});

test('it is told when not all of a mail was looked at', async () => {
  const isCut = async (mail: Buffer, maxText = MAX_TEXT) =>
    (await linksOf(memoryContent([mail]), maxText, NEVER)).isCut;
  const text = 'x'.repeat(1024);
  const two = part('multipart/mixed; boundary=b', `--b\r\n\r\n${text}\r\n--b\r\n\r\nmore`);
  const many = Array.from({ length: 2001 }, (_, i) => `http://n${i}.com`);
  const deep = Array.from({ length: 40 }, (_, i) => `--${i}\r\n${multipart(i + 1)}`);
  assert.equal(await isCut(part('text/plain', text.repeat(1024))), true, 'a part, by its line end');
  assert.equal(await isCut(part('text/plain', text.repeat(1023))), false);
  assert.equal(await isCut(part('application/pdf', text.repeat(3000))), false, 'it is no text');
  assert.equal(await isCut(two, 1024 + 2), true, 'no room for the second');
  assert.equal(await isCut(two, 1024), true, 'nor for the end of the first');
  assert.equal(await isCut(two), false);
  assert.equal(await isCut(part('text/plain', many.join(' '))), true, 'many URIs');
  assert.equal(await isCut(part('text/plain', many.slice(1).join(' '))), false);
  assert.equal(await isCut(Buffer.from(multipart(0) + deep.join(''))), true, 'nested deeply');

  function multipart(level: number): string {
    return `Content-Type: multipart/mixed; boundary="${level}"\r\n\r\n`;
  }
});

test('hosts of one domain are one, those of a hoster many; private addresses are none', async () => {
  const text = 'http://a.evil.co.uk http://b.evil.co.uk http://x.github.io http://y.github.io';
  const { mentions } = await linksIn(
    part('text/plain', `${text} http://10.0.0.1/ http://192.0.2.7/`),
  );
  const { asked } = chosen(mentions, 20, () => false);
  assert.deepEqual(
    asked.map(({ domain, host, label }) => `${domain ?? host} ${label ?? ''}`.trim()).toSorted(),
    ['192.0.2.7 7.2.0.192', 'evil.co.uk', 'x.github.io', 'y.github.io'],
  );
});

test('the first and the last of many are held, in order', () => {
  for (const [most, count] of [
    [4, 3],
    [4, 4],
    [4, 5],
    [4, 6],
    [4, 7],
    [6, 50],
  ] as const) {
    const ends = new Ends<number>(most);
    const all = Array.from({ length: count }, (_, i) => i);
    for (const one of all) ends.add(one);
    const kept = count <= most ? all : [...all.slice(0, most / 2), ...all.slice(-most / 2)];
    assert.deepEqual(ends.all(), kept, `${count} of ${most}`);
  }
});

test('hostile text is linear work', async () => {
  const big = 1024 * 1024;
  const fill = (text: string) => text.repeat(Math.ceil(big / text.length)).slice(0, big);
  const texts = [
    ...[
      '<',
      '<a ',
      '<a href=',
      '<a href="',
      "<a b='",
      '</x>',
      '<!--',
      '<p>',
      '<a>',
      '&',
      '&#1',
      '=',
      'a.',
    ],
    ...[
      'http:',
      'http://',
      'http://a.b',
      'www.',
      'a-',
      '.',
      '@',
      'http://a/?u=http://',
      '%25',
      ' \t',
    ],
    ...[
      '<a href=http://a.com>b',
      '<style>',
      '<p style="display:none">',
      'x.com ',
      '<a x ="',
      'url(',
    ],
    ...['<p style="background:url(', 'ä', '<a href=data:,<a ', '<a\u00a0', '<a x\t\t\t\t\t\t\t\t'],
  ];
  for (const text of texts) {
    for (const type of ['text/plain', 'text/html']) {
      const startedAt = cpuMs();
      await linksIn(part(`${type}; charset=utf-8`, fill(text)));
      const ms = cpuMs() - startedAt;
      assert.ok(ms < 2500, `${type} ${JSON.stringify(text)}: ${Math.round(ms)} ms`);
    }
  }
});

test('mangled mails of the corpus are read without a fault', async (t) => {
  if (!hasCorpus()) {
    missing(t, 'the mail corpus in ../shared/corpus');
    return;
  }
  const random = seededRandom(4);
  const files = [
    ...sample(corpusFiles('sa-public-corpus/spam'), 60),
    ...sample(corpusFiles('rspamd-messages', /\.eml$/), 60),
    ...sample(corpusFiles('mime-stalwart', /\.eml$/), 40),
  ];
  let count = 0;
  for (const file of files) {
    const mail = corpusMail(file);
    count += (await linksIn(mail)).mentions.length;
    for (let flips = 0; flips < 20; flips++)
      mail[Math.floor(random() * mail.length)] = Math.floor(random() * 256);
    await linksIn(mail);
  }
  assert.ok(count > 200, `${count} found`);
});

test('a name beyond ASCII that somebody wants left alone is known in both of its forms', async () => {
  const mail = part('text/html', '<a href="http://www.bücher.example/">x</a>');
  const hosts = (await linksIn(mail)).mentions.map(({ place }) => place.host);
  const host = 'www.xn--bcher-kva.example';
  assert.deepEqual(hosts, [host]);
  assert.ok(isBelow(host, ['Bücher.example']));
  assert.ok(isBelow(host, ['xn--bcher-kva.example']));
  assert.equal(isBelow(host, ['ücher.example']), false);
});
