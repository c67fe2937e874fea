/** An address or a name in one way of writing: lower case, a domain beyond ASCII as the DNS has it (RFC 5890). */
import { domainToASCII } from 'node:url';

export function asciiAddress(text: string): string {
  const at = text.lastIndexOf('@') + 1;
  const domain = text.slice(at);
  const ascii = /^[\0-\x7f]*$/.test(domain) ? domain : domainToASCII(domain);
  return `${text.slice(0, at)}${ascii === '' ? domain : ascii}`.toLowerCase();
}
