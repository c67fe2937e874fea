/**
 * What the plugin link-checks has against links, rule by rule, what it lets be, and that no content is
 * more than bounded work for it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { skeleton } from '../../plugins/link-checks/skeleton.ts';
import { corpusFiles, corpusMail, hasCorpus, sample } from '../support/corpus.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { filterOf } from '../support/filter-host.ts';
import { missing } from '../support/real-component.ts';
import { seededRandom } from '../support/seeded-random.ts';

const { judge } = await filterOf('link-checks', {
  brands: ['bank.com', 'paypal.com', 'microsoft.com', 'apple.com', 'netflix.com'],
  redirectors: ['click.net'],
  exempt: ['fine.com'],
});

function mail(body: string, type = 'text/html', more = ''): Buffer {
  return Buffer.from(
    `From: a@author.com\r\n${more}Content-Type: ${type}; charset=utf-8\r\n\r\n${body}\r\n`,
  );
}

/** What log and trace say. */
async function found(content: Buffer): Promise<string[]> {
  const { results } = await judge(content);
  return String(results?.['link'] ?? '')
    .split(' ')
    .filter(Boolean);
}

const link = (uri: string, shown = 'here', more = '') => `<a href="${uri}"${more}>${shown}</a>`;

/** HTML, and what is found in it. */
type Cases = Readonly<Record<string, readonly [html: string, ...found: string[]]>>;

const SHOWN: Cases = {
  'another place': [
    link('http://evil.com/', 'www.good.com'),
    'shown_elsewhere(www.good.com>evil.com)',
  ],
  'a brand': [
    link('http://evil.com/', 'https://www.bank.com/login'),
    'shown_brand(www.bank.com>evil.com)',
  ],
  'a domain served here': [
    link('http://evil.com/', 'mail.example.org'),
    'shown_brand(mail.example.org>evil.com)',
  ],
  'a name alone, with spaces and tags': [
    link('http://evil.com/', ' <b>ba</b>nk.com '),
    'shown_brand(bank.com>evil.com)',
  ],
  'letters of another alphabet': [
    link('http://evil.com/', 'www.bücher.com'),
    'shown_elsewhere(www.xn--bcher-kva.com>evil.com)',
  ],
  'an address behind it': [
    link('http://203.0.113.9/', 'www.bank.com'),
    'shown_brand(www.bank.com>203.0.113.9)',
    'address(203.0.113.9)',
  ],
  'what is hidden in it does not count': [
    link('http://evil.com/', '<i style="display:none">evil.com</i>www.bank.com'),
    'shown_brand(www.bank.com>evil.com)',
  ],
  'letters between that nobody sees': [
    link('http://evil.com/', 'www.ba\u200bnk&shy;.com'),
    'shown_brand(www.bank.com>evil.com)',
  ],
  'the same place': [link('http://bank.example.com/', 'example.com')],
  'the same by a redirector': [
    link('http://r.com/?to=https%3A%2F%2Fwww.good.com%2F', 'www.good.com'),
  ],
  'what a filter has rewritten': [
    link('https://urldefense.com/v3/__https://www.good.com/a?b__;!!A', 'https://www.good.com/a'),
  ],
  'the same at the end of two redirectors': [
    link(
      'http://r.com/?to=http%3A%2F%2Fs.com%2F%3Fv%3Dhttp%253A%252F%252Fgood.com',
      'www.good.com',
    ),
  ],
  'another at the end of two redirectors': [
    link(
      'http://r.com/?to=http%3A%2F%2Fgood.com%2F%3Fv%3Dhttp%253A%252F%252Fs.com',
      'www.good.com',
    ),
    'shown_elsewhere(www.good.com>r.com)',
  ],
  'a brand by a redirector that nobody knows': [
    link('http://r.com/?to=http://www.bank.com/', 'www.bank.com'),
    'shown_elsewhere(www.bank.com>r.com)',
  ],
  'a brand by a known redirector': [
    link('http://x.click.net/?to=http://www.bank.com/', 'www.bank.com'),
  ],
  'the same name under another ending': [link('http://good.de/', 'www.good.com')],
  'a brand under another ending': [
    link('http://bank.info/', 'www.bank.com'),
    'shown_brand(www.bank.com>bank.info)',
  ],
  'another by a redirector of a brand': [
    link('http://bank.com/?to=http://evil.com', 'www.bank.com/x'),
  ],
  'a place behind a known redirector': [link('http://x.click.net/1', 'www.good.com')],
  'another behind a known redirector': [
    link('http://x.click.net/http://evil.com', 'www.good.com'),
    'shown_elsewhere(www.good.com>x.click.net)',
  ],
  'a place that is fine': [link('http://fine.com/', 'www.bank.com')],
  'a word with a dot': [link('http://evil.com/', 'Node.js and README.md, bank.com too')],
  'a file': [link('http://evil.com/', 'readme.md')],
  'a mail address': [link('http://evil.com/', 'anna@bank.com')],
};

const NAMES: Cases = {
  'Cyrillic letters': [link('http://аррӏе.com/'), 'lookalike(apple.com>xn--80ak6aa92e.com)'],
  'one Cyrillic letter': [
    link('http://p\u0430ypal.com/'),
    'lookalike(paypal.com>xn--pypal-4ve.com)',
    'mixed_scripts(xn--pypal-4ve.com)',
  ],
  'marks on letters': [link('http://páypàl.com/'), 'lookalike(paypal.com>xn--pypl-2nad.com)'],
  'a figure': [link('http://www.paypa1.com/'), 'lookalike(paypal.com>www.paypa1.com)'],
  'two letters for one': [
    link('http://rnicrosoft.com/'),
    'lookalike(microsoft.com>rnicrosoft.com)',
  ],
  'the domain of the recipient': [
    link('http://exarnple.net/'),
    'lookalike(example.org>exarnple.net)',
  ],
  'the whole name in front': [
    link('http://www.bank.com.evil.net/'),
    'lookalike(bank.com>www.bank.com.evil.net)',
  ],
  'the whole name, joined': [
    link('http://bank.com-login.net/'),
    'lookalike(bank.com>bank.com-login.net)',
  ],
  'a letter too many': [link('http://micrrosoft.com/'), 'misspelt(microsoft.com>micrrosoft.com)'],
  'a letter too few': [link('http://netflx.com/'), 'misspelt(netflix.com>netflx.com)'],
  'another letter': [link('http://netflux.com/'), 'misspelt(netflix.com>netflux.com)'],
  'letters that changed places': [
    link('http://netfilx.com/'),
    'lookalike(netflix.com>netfilx.com)',
  ],
  'letters that changed places in a long name': [
    link('http://mircosoft.com/'),
    'misspelt(microsoft.com>mircosoft.com)',
  ],
  'by a redirector': [
    link('http://r.com/?u=http://paypa1.com/'),
    'lookalike(paypal.com>paypa1.com)',
  ],
  'the brand itself': [link('http://www.paypal.com/')],
  'the brand elsewhere': [link('http://bank.de/') + link('http://www.bank.com.mx/')],
  'a name with the brand in it': [
    link('http://mybank.com/') + link('http://notbank.com.evil.net/'),
  ],
  'a short name one off': [link('http://apples.com/')],
  'another first letter': [link('http://getflix.com/') + link('http://betflix.com/')],
  'another figure': [link('http://netflix1.com/')],
  'alphabets that go together': [
    link('http://日本のabc.com/') + link('http://한국abc.com/') + link('http://ㄅㄆ中abc.com/'),
  ],
  'one alphabet in each label': [link('http://пример.example.com/')],
};

const WAYS: Cases = {
  'a name before an @': [link('http://www.bank.com@evil.com/'), 'userinfo(evil.com)'],
  'a name and a path before an @': [
    link('http://www.bank.com%2Flogin@evil.com/'),
    'userinfo(evil.com)',
  ],
  'what is in code before an @': [link('http://%62%61nk@evil.com/'), 'userinfo(evil.com)'],
  'a user before an @': [link('http://anna:pass@evil.com/') + link('ftp://shop.com@host.com/')],
  'an address': [link('http://203.0.113.9/'), 'address(203.0.113.9)'],
  'an IPv6 address': [link('http://[2001:db8::9]/'), 'address(2001:db8::9)'],
  'an address in one number': [
    link('http://3405803785:80/'),
    ...['address(203.0.113.9)', 'odd_address(203.0.113.9)'],
  ],
  'an address in hexadecimal': [
    link('http://0xcb.0x0.0x71.0x9/'),
    ...['address(203.0.113.9)', 'odd_address(203.0.113.9)'],
  ],
  'an address in octal, behind a name': [
    link('http://bank.com@0313.0.0161.011/'),
    ...['userinfo(203.0.113.9)', 'address(203.0.113.9)', 'odd_address(203.0.113.9)'],
  ],
  'an address as a base': ['<base href="http://203.0.113.9/">' + link('x'), 'address(203.0.113.9)'],
  'an address within a link': [link('http://r.com/?u=http://203.0.113.9/')],
  'a private address': [link('http://192.168.0.1/') + link('http://127.0.0.1/')],
  'the address of a picture': ['<img src="http://203.0.113.9/x.gif">'],
  'a script': [link("javascript:location='http://x.com'"), 'script(javascript)'],
  'a page in a link': [link('data:text/html,<p>hi</p>'), 'script(data)'],
  'a picture in a link, a script that leads nowhere': [
    link('data:image/png;base64,iVBORw0KGgo=') + link('javascript:void(0)'),
  ],
  'a form': ['<form action="http://evil.com/"><input name=x></form>', 'form(evil.com)'],
  'a script that makes a file': [
    '<script>var b=new Blob([atob("TVo=")]);a.href=URL.createObjectURL(b);a.download="x.iso"</script>',
    'made_file(script)',
  ],
  'the same for older browsers': [
    '<body onload="navigator.msSaveBlob(new Blob([new Uint8Array(d)]),\'x.zip\')">',
    'made_file(script)',
  ],
  'a field for a password': ['<INPUT Type=PassWord>', 'password(field)'],
  'a script that saves a picture, or reads code': [
    '<script>a.download="x";a.click()</script><script>f(atob("eA=="))</script>',
  ],
  'a form of the author': ['<form action="https://www.author.com/"></form>'],
  'a short address': [link('https://bit.ly/x'), 'shortener(bit.ly)'],
};

const HIDDEN: Cases = {
  'not displayed': [link('http://evil.com/', 'x', ' style="display : none"'), 'hidden(evil.com)'],
  'clipped, with a comment in it': [
    `<div style="OVERFLOW:/* x */hidden; max-height: 0px">${link('http://evil.com/')}</div>`,
    'hidden(evil.com)',
  ],
  transparent: [link('http://evil.com/', 'x', ' style="opacity:0.0"'), 'hidden(evil.com)'],
  invisible: [link('http://evil.com/', 'x', ' style=visibility:hidden'), 'hidden(evil.com)'],
  'the last that is said of it': [
    link('http://evil.com/', 'x', ' style="color:blue;color:white"'),
    'hidden(evil.com)',
  ],
  'displayed after all': [
    link('http://shop.com/', 'x', ' style="display:none;display:block;font-size:0;font-size:9pt"'),
  ],
  'narrow, but it flows over': [link('http://shop.com/', 'x', ' style="width:1px"')],
  'text that may have its size from a style sheet': [
    `<td style="font-size:0px"><div class="text">${link('http://shop.com/')}</div>`,
  ],
  'nearly transparent, low, of another property': [
    link('http://shop.com/', 'x', ' style="opacity:0.1;line-height:1px;background-color:white"'),
  ],
  'in what is not displayed': [
    `<div style="display:none"><p style="font-size:12px">${link('http://evil.com/')}</p></div>`,
    'hidden(evil.com)',
  ],
  'without size': [`<p style="font-size:0">${link('http://evil.com/')}`, 'hidden(evil.com)'],
  'white on white': [
    link('http://evil.com/', '<font color="#FFFFFF">x</font>'),
    'hidden(evil.com)',
  ],
  'a dot as a picture': [link('http://evil.com/', '<img width=1 height=1>'), 'hidden(evil.com)'],
  'an element that nothing ends': [
    `<table><tr><td style="font-size:0">x<td>${link('http://shop.com/')}<p hidden>x<p>${link('http://shop.com/x')}`,
  ],
  'an element around others of its name': [
    `<ul><li hidden><ul><li>x<li>${link('http://evil.com/')}`,
    'hidden(evil.com)',
  ],
  'a picture within text that has no size': [
    `<td style="font-size:0px">${link('http://shop.com/', '<img src="http://shop.com/a.png">')}`,
  ],
  'text that has its size back': [
    `<td style="font-size:0px"><div style="font-size:13px">${link('http://shop.com/')}</div>`,
  ],
  'white on a colour': [
    `<td bgcolor=navy>${link('http://shop.com/', 'x', ' style="color:#fff"')}</td>`,
  ],
  'a link in white text is blue': [`<font color=white>${link('http://shop.com/')}</font>`],
  'what a style sheet may show': [
    `<div class="mobile" style="display:none">${link('http://shop.com/')}</div>`,
  ],
  'a link without content': [link('http://shop.com/', '')],
};

for (const [what, cases] of Object.entries({ SHOWN, NAMES, WAYS, HIDDEN })) {
  test(`what is found of ${what.toLowerCase()}, and what is not`, async () => {
    for (const [name, [html, ...expected]] of Object.entries(cases)) {
      assert.deepEqual(await found(mail(html)), expected, name);
    }
  });
}

test('plain text counts as far as it leads somewhere', async () => {
  const text = 'see http://www.bank.com@0xcb007109/ or paypa1.com';
  assert.deepEqual(await found(mail(text, 'text/plain')), [
    ...['userinfo(203.0.113.9)', 'address(203.0.113.9)', 'odd_address(203.0.113.9)'],
  ]);
});

test('each rule counts once, by its weight, and refuses only where it is told to', async () => {
  const html = `${link('http://paypa1.com/')}${link('http://paypai.com/')}${link('http://203.0.113.9/')}`;
  const { kind, score, tests } = await judge(mail(html));
  assert.deepEqual([kind, score, tests], ['pass', 4.5, ['LINK_LOOKALIKE', 'LINK_ADDRESS']]);
  const strict = await filterOf('link-checks', { lookalike: 'reject', address: 'off' });
  assert.deepEqual(await strict.judge(mail(html)), {
    ...{ kind: 'refuse', reason: 'uri', detail: '7.1', tests: ['LINK_LOOKALIKE'] },
    text: 'A link leads to paypa1.com, which looks like paypal.com',
    ...{ results: { link: 'lookalike(paypal.com>paypa1.com)' }, fields: [], senderProven: false },
  });
});

test('the shipped weights of all that a phisher does together are a refusal, of one thing never', async () => {
  const shipped = await filterOf('link-checks', {});
  const phish = link('http://www.paypal.com@3405803785/login', 'https://www.paypal.com/login');
  assert.ok(((await shipped.judge(mail(phish))).score ?? 0) >= 10);
  for (const [html] of Object.values({ ...SHOWN, ...NAMES, ...HIDDEN })) {
    const { score = 0, tests = [] } = await shipped.judge(mail(html));
    assert.ok(score < 5 || tests.length > 1, html);
  }
});

test('letters look like one letter, long names by their figures too', () => {
  assert.equal(skeleton('gооgӏе'), 'google');
  assert.equal(skeleton('ıƅɑη'), 'lban'.replace('l', 'i'));
  assert.equal(skeleton('arn'), 'arn');
  assert.equal(skeleton('kvvarn0'), 'kwamo');
});

test('it is told when not all of a mail was looked at', async () => {
  const brief = await filterOf('link-checks', { max_text: '1KiB' });
  const { results } = await brief.judge(mail('<p>so on'.repeat(200)));
  assert.deepEqual(results, { uri_cut: true });
  assert.deepEqual((await judge(mail('<p>so on'))).results, {});
});

test('hostile HTML is linear work', async () => {
  const big = 256 * 1024;
  const fill = (one: (i: number) => string) => {
    let text = '';
    for (let i = 0; text.length < big; i++) text += one(i);
    return text.slice(0, big);
  };
  const pages: Readonly<Record<string, (i: number) => string>> = {
    links: (i) => `<a href=//x${i}.com>www.y${i}.com`,
    'links within links': (i) =>
      `<a href=//x${i}.com/?u=http://y${i}.com,http://z${i}.com>z.com</a>`,
    'names that look like others': (i) => `<a href=//paypa1${i}.xn--pypal-4ve.com>`,
    'long labels': (i) => `<a href=//${'rn'.repeat(30)}${i}.com>`,
    'hidden elements': () => '<p style="display:none;color:white"><a href=//x.com>',
    'styles without end': () => '<a style="color:',
    'character references': () => '<a href="&#104;&#x74;tp&colon;//&amp;&',
    scripts: () => '<a href="javascript:open(http://x.com)">x</a>',
    pages: (i) => `<a href="data:text/html,<a href=//x${i}.com>">`,
    forms: (i) => `<form action=//x${i}.com><button formaction=//1.2.3.4>`,
    users: (i) => `<a href=http://bank.com@x${i}.com>`,
    'text in links': () => '<a href=//x.com>www.bank.com www.bank.com ',
    dots: () => '<a href=//x.com>a.b.c.d.e.f.',
  };
  const took = async (html: string) => {
    const startedAt = cpuMs();
    await judge(mail(html));
    return cpuMs() - startedAt;
  };
  for (const [what, one] of Object.entries(pages)) {
    const ms = await took(fill(one));
    assert.ok(ms < 2500, `${what}: ${Math.round(ms)} ms`);
  }
  const many = Array.from({ length: 100_000 }, (_, i) => `<a href=//${i}>`);
  const ms = await took(many.join(''));
  assert.ok(ms < 2500, `100,000 links: ${Math.round(ms)} ms`);
});

test('mangled mails are judged without a fault', async (t) => {
  if (!hasCorpus()) {
    missing(t, 'the mail corpus in ../shared/corpus');
    return;
  }
  const random = seededRandom(7);
  const mails = [
    ...sample(corpusFiles('sa-public-corpus/spam'), 40).map((file) => corpusMail(file)),
    ...sample(corpusFiles('rspamd-messages', /\.eml$/), 20).map((file) => corpusMail(file)),
    ...Object.values({ ...SHOWN, ...NAMES, ...WAYS, ...HIDDEN }).map(([html]) => mail(html)),
  ];
  let count = 0;
  for (const bytes of mails) {
    for (let round = 0; round < 5; round++) {
      for (let flips = 0; flips < 4; flips++) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      const { kind, results } = await judge(bytes);
      assert.equal(kind, 'pass');
      assert.equal(results?.['link-checks'], undefined, 'judged, not let through unjudged');
      if (results?.['link'] !== undefined) count++;
    }
  }
  assert.ok(count > 40, `${count} found`);
});
