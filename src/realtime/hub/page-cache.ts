interface Kept<T> {
  readonly value: T;
  readonly bytes: number;
  /** Asked for since the last {@link PageCache.sweep}. */
  isUsed: boolean;
}

/** Pages that several readers want, for as long as they want them: bounded by bytes, the longest unused go first. */
export class PageCache<T> {
  private readonly kept = new Map<string, Kept<T>>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get size(): number {
    return this.kept.size;
  }

  get(key: string): T | undefined {
    const found = this.kept.get(key);
    if (!found) return undefined;
    found.isUsed = true;
    this.kept.delete(key);
    this.kept.set(key, found);
    return found.value;
  }

  put(key: string, value: T, bytes: number): void {
    this.drop(key);
    this.kept.set(key, { value, bytes, isUsed: true });
    this.bytes += bytes;
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= this.maxBytes) return;
      this.drop(oldest);
    }
  }

  /** Lets go of what nobody asked for since the sweep before. */
  sweep(): void {
    for (const [key, each] of [...this.kept]) {
      if (!each.isUsed) this.drop(key);
      each.isUsed = false;
    }
  }

  private drop(key: string): void {
    this.bytes -= this.kept.get(key)?.bytes ?? 0;
    this.kept.delete(key);
  }
}
