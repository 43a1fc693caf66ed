/**
 * Lets so many jobs run at a time, in the order of their arrival, each in a turn of the event loop of its own: a thousand readers who
 * come back at once neither take every connection of the database nor keep the loop from everybody else.
 */
export class Gate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly atOnce: number) {}

  async run<T>(job: () => Promise<T>): Promise<T> {
    this.running += 1;
    if (this.running > this.atOnce) await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await job();
    } finally {
      this.running -= 1;
      const next = this.waiting.shift();
      if (next) setImmediate(next);
    }
  }
}
