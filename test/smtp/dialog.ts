/**
 * Dialogs as text, one rule per file. Line by line:
 *
 *     # a remark                      ! limit errors 3     a bound of the server
 *     C: a line, CRLF is added        ! server off         tls of the listener: starttls implicit off
 *     C| bytes without CRLF           ! meet hold          the program: greet refuse hold
 *     C*3: a line three times, {} is the number             ! tls      the client's TLS handshake
 *     S: an expected line             ! whole    the next group is sent in one write, however it is
 *     S*3: ...                                   replayed
 *     S: <closed>                     ! fin      the client ends its half
 *     P: what the program behind sees, in order             ! tls-fails   the handshake must break
 *     ! xclient  clients may speak for others
 *     ! auth     clients may log in  ! secured  greeting, EHLO and TLS with AUTH
 *     ! greeted  greeting and HELO    ! transaction   and MAIL and RCPT     ! content   and DATA
 *
 * Escapes: \r \n \t \0 \\ \xHH. C lines that follow each other are one group, sent without waiting.
 */
export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer; readonly whole: boolean }
  | { readonly kind: 'expect'; readonly text: string }
  | { readonly kind: 'closed' | 'tls' | 'tls-fails' | 'fin' };

export interface Dialog {
  readonly steps: readonly Step[];
  /** Undefined when the dialog does not care. */
  readonly program: readonly string[] | undefined;
  readonly limits: Readonly<Record<string, number>>;
  readonly server: 'starttls' | 'implicit' | 'off';
  /** The server takes logins. */
  readonly auth: boolean;
  /** Clients may use XCLIENT. */
  readonly xclient: boolean;
  readonly meets: 'greet' | 'refuse' | 'hold';
}

/** What directives stand for, so that a dialog shows its rule and little else. */
const GREETED = [
  'S: 220 mx.test ESMTP Sluice',
  'C: HELO client.test',
  'S: 250 mx.test',
  'P: hello HELO client.test',
];
const SECURED = [
  '! auth',
  '! server implicit',
  'S: 220 mx.test ESMTP Sluice',
  'C: EHLO client.test',
  'S: 250-mx.test',
  'S: 250-PIPELINING',
  'S: 250-SIZE 52428800',
  'S: 250-8BITMIME',
  'S: 250-SMTPUTF8',
  'S: 250-ENHANCEDSTATUSCODES',
  'S: 250-DSN',
  'S: 250-CHUNKING',
  'S: 250-REQUIRETLS',
  'S: 250-ETRN',
  'S: 250 AUTH PLAIN LOGIN',
  'P: hello EHLO client.test',
];
const TRANSACTION = [
  ...GREETED,
  'C: MAIL FROM:<a@client.test>',
  'S: 250 2.1.0 Sender ok',
  'C: RCPT TO:<b@example.test>',
  'S: 250 2.1.5 Recipient ok',
  'P: mail <a@client.test>',
  'P: rcpt <b@example.test>',
];
const CONTENT = [...TRANSACTION, 'C: DATA', 'S: 354 End data with <CR><LF>.<CR><LF>'];
const MACROS: Readonly<Record<string, readonly string[]>> = {
  '! greeted': GREETED,
  '! secured': SECURED,
  '! transaction': TRANSACTION,
  '! content': CONTENT,
};

const LINE = /^([CSP])(?:\*(\d+))?([:|]) ?(.*)$/;

export function parseDialog(text: string): Dialog {
  const steps: Step[] = [];
  const program: string[] = [];
  const limits: Record<string, number> = {};
  let server: Dialog['server'] = 'starttls';
  let meets: Dialog['meets'] = 'greet';
  let whole = false;
  let auth = false;
  let xclient = false;
  const lines = text.split('\n');
  for (const line of lines.flatMap((written) => MACROS[written] ?? [written])) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('! ')) {
      const [word = '', first = '', second = ''] = line.slice(2).split(' ');
      if (word === 'limit') limits[first] = Number(second);
      else if (word === 'server' && isServer(first)) server = first;
      else if (word === 'meet' && isMeeting(first)) meets = first;
      else if (word === 'whole') whole = true;
      else if (word === 'auth') auth = true;
      else if (word === 'xclient') xclient = true;
      else if (word === 'tls' || word === 'tls-fails' || word === 'fin') steps.push({ kind: word });
      else throw new Error(`unknown directive: ${line}`);
      continue;
    }
    const match = LINE.exec(line);
    if (match === null) throw new Error(`unknown line: ${line}`);
    const [, side, count, mark, rest = ''] = match;
    for (let i = 1; i <= Number(count ?? 1); i++) {
      const written = count === undefined ? rest : rest.replaceAll('{}', String(i));
      if (side === 'P') program.push(written);
      else if (side === 'C') {
        const bytes = Buffer.from(unescape(written) + (mark === ':' ? '\r\n' : ''), 'latin1');
        const last = steps.at(-1);
        if (last?.kind === 'send') {
          steps[steps.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, bytes]) };
        } else steps.push({ kind: 'send', bytes, whole });
        whole = false;
      } else if (written === '<closed>') steps.push({ kind: 'closed' });
      else {
        const last = steps.at(-1);
        const expected = `${unescape(written)}\r\n`;
        if (last?.kind === 'expect') {
          steps[steps.length - 1] = { kind: 'expect', text: last.text + expected };
        } else steps.push({ kind: 'expect', text: expected });
      }
    }
  }
  const isTold = lines.some((line) => line.startsWith('P: '));
  return { steps, program: isTold ? program : undefined, limits, server, auth, xclient, meets };
}

/** The file's UTF-8 and its escapes, as octets in latin-1. */
function unescape(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, char: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return { r: '\r', n: '\n', t: '\t', '0': '\0' }[char] ?? char;
    });
}

function isServer(word: string): word is Dialog['server'] {
  return word === 'starttls' || word === 'implicit' || word === 'off';
}
function isMeeting(word: string): word is Dialog['meets'] {
  return word === 'greet' || word === 'refuse' || word === 'hold';
}
