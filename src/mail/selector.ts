/**
 * What may name a key in the DNS (RFC 6376 3.1): labels of a host name, lower case, for upper case would be
 * another file and the same record. Underscores are beyond the standard and in use.
 */
const LABELS = /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$/;
const MAX_LENGTH = 63;

export function isSelector(text: string): boolean {
  return text.length <= MAX_LENGTH && LABELS.test(text);
}
