/** What several checks need is found out once, by the first that asks. */
export function lazily<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}
