import { Turns } from '../../core/database/turns.js';

/** Requests of the same lane go one after the other, those of different lanes at the same time. */
export class Lanes {
  private readonly lanes = new Map<string, { readonly turns: Turns; users: number }>();

  async run<T>(lane: string | undefined, run: () => Promise<T>): Promise<T> {
    if (lane === undefined) return run();
    const own = this.lanes.get(lane) ?? { turns: new Turns(), users: 0 };
    this.lanes.set(lane, own);
    own.users += 1;
    try {
      return await own.turns.take(run);
    } finally {
      own.users -= 1;
      if (own.users === 0) this.lanes.delete(lane);
    }
  }
}
