/**
 * Everything of a listing that is read page by page, one after the other. A page that is not full is
 * the last; what comes or goes between two pages is seen or not.
 */

export interface Page {
  readonly limit: number;
  /** The key of the last one before. */
  readonly after?: string;
}

const PAGE = 500;

export async function* paged<T>(
  read: (page: Page) => Promise<readonly T[]>,
  keyOf: (one: T) => string,
): AsyncGenerator<T> {
  for (let page: Page = { limit: PAGE }; ;) {
    const found = await read(page);
    yield* found;
    const last = found.at(-1);
    if (last === undefined || found.length < PAGE) return;
    page = { limit: PAGE, after: keyOf(last) };
  }
}
