/**
 * An address or a name in one way of writing: lower case, a domain beyond ASCII as the DNS has it (RFC
 * 5890), a local part without quotes: `"anna"@example.org` is the mailbox of anna (RFC 5321 4.1.2).
 */
import { domainToASCII } from 'node:url';

export function asciiAddress(text: string): string {
  const at = text.lastIndexOf('@') + 1;
  const domain = text.slice(at);
  const ascii = /^[\0-\x7f]*$/.test(domain) ? domain : domainToASCII(domain);
  const local = at === 0 ? '' : `${unquoted(text.slice(0, at - 1))}@`;
  return `${local}${ascii === '' ? domain : ascii}`.toLowerCase();
}

function unquoted(local: string): string {
  const within = /^"(.*)"$/s.exec(local)?.[1];
  return within === undefined ? local : within.replace(/\\(.)/gs, '$1');
}
