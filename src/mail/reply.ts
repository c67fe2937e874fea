/**
 * SMTP replies (RFC 5321 4.2, RFC 2034, RFC 3463). This is the only file in which a reply code is
 * written as a number: everywhere else a reply is named. Public text is generic; the cause goes to
 * the log and the trace. A refusal carries its reason word, which appears in the reply, the log and
 * the trace.
 */
import type { Reason } from './reason.ts';

export interface Reply {
  readonly code: number;
  /** Enhanced status code such as `5.1.1`; absent in the greeting, HELO/EHLO and 354 replies. */
  readonly enhanced?: string;
  /** One or more lines without codes and line ends. */
  readonly lines: readonly string[];
  /** Why it was refused, when it was. */
  readonly reason?: Reason;
  /** The connection is closed once the reply is written. */
  readonly closes?: boolean;
}

/** Octets of one reply line, not counting code, enhanced code and CRLF (RFC 5321 4.5.3.1.5: 512). */
const MAX_LINE = 480;
const MAX_LINES = 20;

export function isPositive(reply: Pick<Reply, 'code'>): boolean {
  return reply.code >= 200 && reply.code < 400;
}
/** Of this mail, now: the server itself is well (421) and has room (452). */
export function isPutOff({ code }: Reply): boolean {
  return code === 450 || code === 451;
}

export function isTemporary(reply: Pick<Reply, 'code'>): boolean {
  return reply.code >= 400 && reply.code < 500;
}
export function isPermanent(reply: Pick<Reply, 'code'>): boolean {
  return reply.code >= 500;
}

/** Says "go on": the answer to DATA (RFC 5321 4.2.1). */
export function isIntermediate(reply: Reply): boolean {
  return reply.code >= 300 && reply.code < 400;
}
/** Speaks of the connection, a greeting or a goodbye, and of no mail (RFC 5321 4.2.1). */
export function isOfConnection(reply: Reply): boolean {
  return reply.code >= 220 && reply.code < 230;
}
/** The peer hangs up after this, whatever it was asked (RFC 5321 3.8). */
export function isClosing(reply: Reply): boolean {
  return reply.code === 421;
}
/**
 * A refused RCPT that only says that the transaction is full: RFC 5321 4.5.3.1.10 has 552 taken as
 * 452, but with an enhanced code of its own (a full mailbox) it means what it says.
 */
export function isTooManyRecipients(reply: Reply): boolean {
  return reply.code === 552 && (reply.enhanced === undefined || reply.enhanced === '5.5.3');
}
/**
 * A refusal that speaks of the conversation or of how a server is set up, and not of the mail: it wants
 * a login or TLS (RFC 4954 6, RFC 3207 4), has lost the sequence, or does not understand a command that
 * every server must know (RFC 5321 4.2.4). Some servers refuse an address or a sender with such a code:
 * the enhanced code says so, or the words. To content, which comes when all commands were understood,
 * the codes of commands are only odd numbers for a refusal.
 */
export function isOfConversation(reply: Reply, phase: 'commands' | 'content'): boolean {
  const { code, enhanced = '', lines } = reply;
  if (/^5\.[126]\./.test(enhanced)) return false;
  if ([503, 530, 534, 535, 538].includes(code)) return true;
  if (phase === 'content' || ![500, 501, 502, 504, 555].includes(code)) return false;
  return !enhanced.startsWith('5.7.') && !NAMES_ADDRESS.test(lines.join(' '));
}
/** Not `FROM:<address>`, which stands for one, and not that of the client. */
const NAMES_ADDRESS = /(?<!<|\bip )\baddress/i;

/** The codes with which a refused RCPT speaks of the mailbox (RFC 5321 4.3.2, RFC 7504). */
export function namesMailbox(reply: Reply): boolean {
  return [550, 551, 553, 554, 556].includes(reply.code);
}

/** The reply as it goes on the wire, latin-1 safe unless `utf8` lines are given, ending in CRLF. */
export function formatReply(reply: Reply): string {
  const enhanced = reply.enhanced === undefined ? '' : `${reply.enhanced} `;
  const last = reply.lines.length - 1;
  if (last <= 0) return `${reply.code} ${enhanced}${reply.lines[0] ?? ''}\r\n`;
  let out = '';
  for (let i = 0; i <= last; i++) {
    out += `${reply.code}${i === last ? ' ' : '-'}${enhanced}${reply.lines[i]}\r\n`;
  }
  return out;
}

/** Makes text from elsewhere fit for a reply line: one line, printable, bounded. */
export function cleanText(text: string): string {
  if (text.length <= MAX_LINE && !BEYOND_PLAIN.test(text)) return text;
  const clean = text.replace(UNPRINTABLE, ' ').slice(0, MAX_LINE);
  if (Buffer.byteLength(clean) <= MAX_LINE) return clean;
  return Buffer.from(clean).toString('utf8', 0, MAX_LINE);
}
const BEYOND_PLAIN = /[^\x20-\x7e]/;
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** What another server said: our client may not have asked for UTF-8 (RFC 6531 3.5). */
function foreignText(text: string): string {
  return cleanText(text).replace(/[^\x20-\x7e]/gu, '?');
}

function named(code: number, enhanced: string, text: string, reason?: Reason): Reply {
  const lines = [cleanText(reason === undefined ? text : `${text} (${reason})`)];
  return reason === undefined ? { code, enhanced, lines } : { code, enhanced, lines, reason };
}

function closing(reply: Reply): Reply {
  return { ...reply, closes: true };
}
/** What every client is told, again and again, is made once. */
function always(reply: Reply): () => Reply {
  return () => reply;
}

export const replies = {
  greeting: (hostname: string): Reply => ({ code: 220, lines: [`${hostname} ESMTP Sluice`] }),
  helo: (hostname: string): Reply => ({ code: 250, lines: [hostname] }),
  ehlo: (hostname: string, extensions: readonly string[]): Reply => ({
    code: 250,
    lines: [hostname, ...extensions],
  }),
  startTls: (): Reply => named(220, '2.0.0', 'Ready to start TLS'),
  ok: (text = 'Ok'): Reply => named(250, '2.0.0', text),
  senderOk: always(named(250, '2.1.0', 'Sender ok')),
  recipientOk: always(named(250, '2.1.5', 'Recipient ok')),
  startContent: always({ code: 354, lines: ['End data with <CR><LF>.<CR><LF>'] }),
  /** Of content that comes in chunks; nothing is promised with it. */
  chunkRead: (octets: number): Reply => named(250, '2.0.0', `${octets} octets read`),
  delivered: (id: string, text: string): Reply =>
    named(250, '2.0.0', `Ok: ${id} delivered${text === '' ? '' : `: ${foreignText(text)}`}`),
  queued: (id: string): Reply => named(250, '2.0.0', `Ok: ${id} queued`),
  discarded: (id: string): Reply => named(250, '2.0.0', `Ok: ${id} accepted`),
  quarantined: (id: string): Reply => named(250, '2.0.0', `Ok: ${id} queued`),
  vrfy: (): Reply => named(252, '2.5.0', 'Cannot verify, but will try to deliver'),
  help: (lines: readonly string[] = []): Reply => {
    const said = [...lines, 'RFC 5321 applies; see the postmaster for anything else'];
    return { code: 214, enhanced: '2.0.0', lines: said.map(cleanText) };
  },
  bye: (hostname: string): Reply => closing(named(221, '2.0.0', `${hostname} closing connection`)),

  // The session is over.
  shuttingDown: (hostname: string): Reply =>
    closing(named(421, '4.3.2', `${hostname} shutting down, try again later`)),
  idleTimeout: (hostname: string): Reply =>
    closing(named(421, '4.4.2', `${hostname} timeout exceeded, closing connection`)),
  tooManyErrors: (hostname: string): Reply =>
    closing(named(421, '4.7.0', `${hostname} too many errors, closing connection`)),
  tooManyConnections: (hostname: string): Reply =>
    closing(named(421, '4.7.0', `${hostname} too many connections, try again later`, 'rate')),
  sessionFault: (hostname: string): Reply =>
    closing(named(421, '4.3.0', `${hostname} internal error, try again later`)),
  earlyTalker: (): Reply => closing(named(554, '5.5.1', 'Client must wait for the greeting')),
  notSmtp: (): Reply => closing(named(554, '5.5.1', 'This is an SMTP server')),

  // Syntax and sequence (RFC 5321 4.2.2).
  bareLineEnd: (what: 'CR' | 'LF'): Reply =>
    closing(named(500, '5.5.2', `Bare ${what} in command, closing connection`)),
  lineTooLong: (): Reply => named(500, '5.5.2', 'Line too long'),
  unknownCommand: (): Reply => named(500, '5.5.1', 'Command not recognized'),
  syntax: (text: string): Reply => named(501, '5.5.2', text),
  badArgument: (text: string): Reply => named(501, '5.5.4', text),
  badChunk: (): Reply => closing(named(501, '5.5.4', 'Syntax: BDAT size [LAST]')),
  badAddress: (text: string): Reply => named(553, '5.1.3', text),
  badSenderAddress: (text: string): Reply => named(553, '5.1.7', text),
  notImplemented: (): Reply => named(502, '5.5.1', 'Command not implemented'),
  badSequence: (text: string): Reply => named(503, '5.5.1', text),
  noValidRecipients: (): Reply => named(554, '5.5.1', 'No valid recipients'),
  unknownParameter: (name: string): Reply =>
    named(555, '5.5.4', `Parameter ${name} not recognized or not implemented`),
  needsSmtpUtf8: (): Reply => named(553, '5.6.7', 'Address needs SMTPUTF8'),
  pipelinedStartTls: (): Reply =>
    closing(named(503, '5.5.1', 'STARTTLS must be the last command of a group')),
  tlsNotOffered: (): Reply => named(502, '5.5.1', 'TLS not available'),
  tlsRequired: (): Reply => named(530, '5.7.0', 'Must issue a STARTTLS command first'),
  authRequired: (): Reply => named(530, '5.7.0', 'Authentication required'),

  // Login (RFC 4954 4 and 6).
  authChallenge: (base64: string): Reply => ({ code: 334, lines: [base64] }),
  authenticated: (): Reply => named(235, '2.7.0', 'Authentication successful'),
  authFailed: (): Reply => named(535, '5.7.8', 'Authentication credentials invalid', 'auth'),
  accountLocked: (): Reply =>
    named(535, '5.7.1', 'Account is locked, ask the administrator', 'locked'),
  authCancelled: (): Reply => named(501, '5.7.0', 'Authentication cancelled'),
  badAuthResponse: (): Reply => named(501, '5.5.2', 'Malformed authentication response'),
  authLineTooLong: (): Reply => named(500, '5.5.6', 'Authentication line too long'),
  unknownMechanism: (): Reply => named(504, '5.5.4', 'Authentication mechanism not supported'),
  authUnavailable: (): Reply =>
    named(454, '4.7.0', 'Authentication not possible now, try again later', 'rate'),
  authBlocked: (hostname: string): Reply =>
    closing(named(421, '4.7.0', `${hostname} too many failed logins, try again later`, 'rate')),

  // ETRN (RFC 1985 5.2).
  queueStarted: (name: string, messages: number): Reply =>
    named(253, '2.0.0', `${messages} pending messages for node ${name} started`),
  queueAsked: (name: string): Reply =>
    named(250, '2.0.0', `Queuing for node ${name} started, its server is asked first`),
  queueEmpty: (name: string): Reply => named(251, '2.0.0', `No messages waiting for node ${name}`),
  queueHeld: (name: string): Reply =>
    named(458, '4.3.2', `Unable to start node ${name}: its mail is held`, 'policy'),
  /** The same for every name: whether it is hosted, or has mail, is nobody else's business. */
  queueDenied: (): Reply =>
    named(
      459,
      '4.7.1',
      'Node not allowed: only for an account of the domain or one of its servers',
      'policy',
    ),

  // Envelope.
  relayDenied: (): Reply => named(550, '5.7.1', 'Relaying denied', 'relay_denied'),
  /** Whether the client is a customer cannot be found out now. */
  accountUnsure: (): Reply =>
    named(451, '4.7.1', 'Cannot tell now whether you may relay, try again later', 'relay_denied'),
  unknownRecipient: (address: string): Reply =>
    named(550, '5.1.1', `<${address}>: unknown recipient`, 'unknown_rcpt'),
  recipientRefused: (code: 'permanent' | 'temporary', enhanced: string, text: string): Reply =>
    code === 'permanent'
      ? named(550, enhanced, text, 'unknown_rcpt')
      : named(450, enhanced, text, 'dest_down'),
  /** `destination`: it answered, but not for now. */
  recipientUnverified: (why: 'dest_down' | 'destination' | 'ldap_down' = 'dest_down'): Reply =>
    named(451, '4.1.1', 'Recipient cannot be verified now, try again later', why),
  destinationDown: (): Reply =>
    named(451, '4.4.1', 'Destination not reachable now, try again later', 'dest_down'),
  /** RFC 6531 3.5. */
  smtpUtf8NotRelayable: (): Reply =>
    named(550, '5.6.7', 'Destination does not take addresses beyond ASCII', 'policy'),
  /** RFC 8689 6. */
  requireTlsUnmet: (): Reply =>
    named(550, '5.7.30', 'Destination does not offer REQUIRETLS over verified TLS', 'tls'),
  /** The client is told what it was taken for: it may not know that its address is an account. */
  senderNotOfAccount: (account: string, domain: string): Reply =>
    named(
      550,
      '5.7.1',
      `Client is account ${account} of ${domain}: sender address must be of its domains`,
      'sender',
    ),
  authorNotOfAccount: (account: string, domain: string): Reply =>
    named(
      550,
      '5.7.1',
      `Client is account ${account} of ${domain}: needs one From field, at most one Sender field, with addresses of its domains alone`,
      'sender',
    ),
  nullSenderRefused: (account: string, domain: string): Reply =>
    named(
      550,
      '5.7.1',
      `Client is account ${account} of ${domain}, which may not send with the null reverse-path`,
      'sender',
    ),
  /** Its account is gone, or has another password by now. */
  loginOver: (hostname: string): Reply =>
    closing(named(421, '4.7.0', `${hostname} login is not valid any more, log in again`, 'auth')),
  senderLocked: (whose: 'account' | 'identity'): Reply =>
    named(550, '5.7.1', `Sending is locked for this ${whose}, ask the administrator`, 'locked'),
  /** Word for word: customers' servers look for it. */
  relayLimit: (): Reply => ({ ...named(452, '4.7.1', 'Relay limit reached'), reason: 'limit' }),
  bulkRefused: (): Reply =>
    named(550, '5.7.1', 'Bulk mail is not sent through this account', 'bulk'),
  tooManyReplies: (): Reply =>
    named(550, '5.7.1', 'Recipient has had automatic replies from this sender this week', 'limit'),
  connectionLimit: (hostname: string): Reply =>
    closing(named(421, '4.7.1', `${hostname} connection limit of the account reached`, 'limit')),
  noSuchDomain: (): Reply => named(550, '5.1.2', 'Domain of the recipient does not exist', 'dns'),
  nullMx: (): Reply => named(556, '5.1.10', 'Domain of the recipient takes no mail', 'dns'),
  noMailHost: (): Reply =>
    named(550, '5.4.4', 'Domain of the recipient has no host that takes mail', 'dns'),
  privateMailHost: (): Reply =>
    named(550, '5.4.4', 'Domain of the recipient names only hosts of private networks', 'dns'),
  routeLoop: (): Reply => named(550, '5.4.6', 'Mail for the domain would come back here', 'dns'),
  otherPolicyGroup: (): Reply =>
    named(452, '4.5.3', 'Recipient needs a transaction of its own, send it again'),
  tooManyRecipients: (): Reply => named(452, '4.5.3', 'Too many recipients in one transaction'),
  harvesting: (hostname: string): Reply =>
    closing(named(421, '4.7.0', `${hostname} too many unknown recipients`, 'rate')),

  // Content.
  sizeExceeded: (limit: number): Reply =>
    named(552, '5.3.4', `Message size exceeds the limit of ${limit} bytes`, 'size'),
  tooLargeThere: (): Reply =>
    named(552, '5.3.4', 'Message size exceeds what the destination takes', 'size'),
  headerTooLarge: (limit: number): Reply =>
    named(552, '5.3.4', `Message header exceeds the limit of ${limit} bytes`, 'size'),
  bareLineEndInContent: (): Reply =>
    named(554, '5.6.0', 'Bare CR or LF in message content', 'proto'),
  mailLoop: (): Reply => named(554, '5.4.6', 'Too many hops, mail loop', 'policy'),
  virus: (name: string): Reply => named(554, '5.7.1', `Message contains ${name}`, 'virus'),
  spam: (text: string): Reply => named(550, '5.7.1', text, 'spam'),
  /** Not sent, and for the operator to look at. */
  keptBack: (id: string, text: string, reason: Reason): Reply =>
    named(550, '5.7.1', `${text}; it was not sent and is kept as ${id}`, reason),
  refused: (enhanced: string, text: string, reason: Reason): Reply =>
    named(550, enhanced, text, reason),
  deferred: (enhanced: string, text: string, reason: Reason): Reply =>
    named(451, enhanced, text, reason),
  scannerDown: (): Reply =>
    named(451, '4.7.1', 'Content cannot be checked now, try again later', 'scanner_down'),
  storageTrouble: (): Reply =>
    named(452, '4.3.1', 'Message cannot be stored now, try again later', 'spool_full'),
  domainQueueFull: (): Reply =>
    named(452, '4.2.2', 'Too much mail waits for this domain, try again later', 'quota'),
  queueFull: (): Reply => named(452, '4.3.1', 'Too much mail waits here, try again later', 'quota'),
  fault: (): Reply => named(451, '4.3.0', 'Internal error, try again later'),
} as const;

/**
 * A reply of the destination, passed on to the client: its text kept, bounded and made printable, in
 * the class of what it was taken for; code and enhanced code are kept when they fit that, else they are
 * `x50` and `x.0.0`.
 */
export function passOn(reply: Reply, host: string, as: 'final' | 'for now'): Reply {
  const kind = as === 'final' ? '5' : '4';
  const enhanced = reply.enhanced?.startsWith(`${kind}.`) ? reply.enhanced : `${kind}.0.0`;
  const isFit = String(reply.code).startsWith(kind) && reply.code !== 421 && reply.code !== 521;
  const code = isFit ? reply.code : Number(`${kind}50`);
  const lines = reply.lines.slice(0, MAX_LINES).map(foreignText);
  lines[0] = cleanText(`${host} said: ${lines[0] ?? ''}`);
  return { code, enhanced, lines, reason: 'destination' };
}
