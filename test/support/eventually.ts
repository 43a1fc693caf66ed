/** Looks until `find` gives something, at most `timeoutMs`; the error tells what was seen last. */
export async function eventually<T>(find: () => T | Promise<T>, accept: (value: T) => boolean = Boolean, timeoutMs = 20_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await find();
    if (accept(value)) return value;
    if (Date.now() > end) throw new Error(`Not within ${timeoutMs} ms; last seen: ${JSON.stringify(value)?.slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
