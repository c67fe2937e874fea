/**
 * A message in the form of an mbox file (RFC 4155 in the variant "mboxrd": lines that look like the
 * beginning of a message get one more `>`, so that they can be had back). Lines end with LF.
 */
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = [
  ...['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'],
  ...['Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
];

/** `at`: ISO 8601. */
export async function* mboxMessage(
  from: string,
  at: string,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const sender = from.replace(/[^\x21-\x7e]+/g, '_') || 'MAILER-DAEMON';
  yield Buffer.from(`From ${sender} ${asctime(new Date(at))}\n`);
  let rest = '';
  for await (const chunk of content) {
    const text = rest + Buffer.from(chunk).toString('latin1');
    const end = text.lastIndexOf('\n') + 1;
    yield lines(text.slice(0, end));
    rest = text.slice(end);
  }
  if (rest !== '') yield lines(`${rest}\n`);
  yield Buffer.from('\n');
}

function lines(text: string): Buffer {
  const quoted = text.replace(/\r\n/g, '\n').replace(/^(>*From )/gm, '>$1');
  return Buffer.from(quoted, 'latin1');
}

/** `Thu Nov 26 06:42:41 2026`, in UTC. */
function asctime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `${day} ${time} ${date.getUTCFullYear()}`;
}
