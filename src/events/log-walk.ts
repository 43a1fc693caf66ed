/** A piece of a log to be gone through: the numbers `first` to `last`. */
export interface Stretch {
  readonly first: number;
  readonly last: number;
  readonly isBackward: boolean;
  /** Most that is wanted. */
  readonly limit: number;
}

/** How far to look at a time, in numbers. */
export interface Pace {
  readonly window: number;
  /** By what each window is larger than the one before. */
  readonly growth: number;
  /** Numbers after which it is enough: with something found, and in any case. */
  readonly enough: number;
  readonly most: number;
}

export interface Walked<T> {
  /** In the order of the log. */
  readonly items: T[];
  readonly hasMore: boolean;
  /** The last number that was looked at, so that the next page begins beside it. */
  readonly edge: number;
}

/**
 * Goes through a log in windows of numbers, which have no gaps: what a page costs depends on the pace and never on how long the log is.
 * `read` gives what is wanted of a window, in the order of the walk.
 */
export async function walk<T extends { readonly seq: number }>(
  { first, last, isBackward, limit }: Stretch,
  pace: Pace,
  read: (from: number, to: number, limit: number) => Promise<readonly T[]>,
): Promise<Walked<T>> {
  const found: T[] = [];
  let [low, high] = [first, last];
  let { window } = pace;
  for (let looked = 0; low <= high && found.length <= limit;) {
    if (looked >= pace.most || (looked >= pace.enough && found.length > 0)) break;
    const [from, to] = isBackward ? [Math.max(low, high - window + 1), high] : [low, Math.min(high, low + window - 1)];
    found.push(...(await read(from, to, limit + 1 - found.length)));
    looked += to - from + 1;
    window *= pace.growth;
    if (isBackward) high = from - 1;
    else low = to + 1;
  }
  const isFull = found.length > limit;
  const items = found.slice(0, limit);
  const edge = isFull ? items.at(-1)?.seq : undefined;
  return {
    items: isBackward ? items.reverse() : items,
    hasMore: isFull || low <= high,
    edge: edge ?? (isBackward ? high + 1 : low - 1),
  };
}
