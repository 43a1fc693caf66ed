/** The last items of a numbered sequence, bounded by count and bytes: `prev` is the number before the oldest kept, `end` the newest. */
export class Tail<T> {
  private items: { readonly seq: number; readonly bytes: number; readonly item: T }[] = [];
  private bytes = 0;
  private before: number | undefined;

  constructor(
    private readonly maxItems: number,
    private readonly maxBytes: number,
  ) {}

  /** The newest number heard of; undefined where nothing was heard yet. */
  get end(): number | undefined {
    return this.items.at(-1)?.seq ?? this.before;
  }

  /** Begins anew behind `prev`: what comes next does not follow what is here. */
  reset(prev: number): void {
    this.items = [];
    this.bytes = 0;
    this.before = prev;
  }

  push(seq: number, item: T, bytes: number): void {
    this.before ??= seq - 1;
    this.items.push({ seq, bytes, item });
    this.bytes += bytes;
    let drop = 0;
    for (
      let first = this.items[drop];
      first && (this.items.length - drop > this.maxItems || this.bytes > this.maxBytes);
      first = this.items[drop]
    ) {
      this.bytes -= first.bytes;
      this.before = first.seq;
      drop += 1;
    }
    if (drop > 0) this.items.splice(0, drop);
  }

  /** Everything behind `seq`, or undefined where the oldest of it is no longer here. */
  after(seq: number): T[] | undefined {
    if (this.before === undefined || seq < this.before) return undefined;
    return this.items.flatMap((each) => (each.seq > seq ? [each.item] : []));
  }
}
