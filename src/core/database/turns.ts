/**
 * Lets one run at a time through, in the order of arrival. SQLite has one writing connection: two transactions at once would
 * nest, and the second would vanish when the first rolls back (docs/adr/0003-two-dialects.md).
 */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(run: () => Promise<T>): Promise<T> {
    const result = this.last.then(run, run);
    this.last = result.catch(() => undefined);
    return result;
  }
}
