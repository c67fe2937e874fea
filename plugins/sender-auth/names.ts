/** Names of domains, one within the other. */

export function isUnder(name: string | undefined, parent: string): boolean {
  const [inner, outer] = [name ?? '', parent].map((one) => one.toLowerCase().replace(/\.$/, ''));
  if (inner === undefined || outer === undefined || outer === '') return false;
  return inner === outer || inner.endsWith(`.${outer}`);
}
