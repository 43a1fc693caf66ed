/** Resolves true when `rung` does, false when `timeoutMs` have passed before; 0: never. */
export async function rungWithin(rung: Promise<void>, timeoutMs: number): Promise<boolean> {
  if (timeoutMs === 0) return rung.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
  try {
    return await Promise.race([rung.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

interface LimitEffects {
  /** The time is over. */
  readonly onLate: () => void;
  /** The grace after it is over as well. */
  readonly onTooLate: () => void;
}

/** Watches how long a turn takes. */
export class TurnLimit {
  private timer: NodeJS.Timeout | undefined;

  /** `timeoutMs` 0: it may take for ever. `elapsedMs` of it are over already. */
  constructor(timeoutMs: number, elapsedMs: number, graceMs: number, { onLate, onTooLate }: LimitEffects) {
    if (timeoutMs === 0) return;
    this.timer = setTimeout(
      () => {
        onLate();
        this.timer = setTimeout(onTooLate, graceMs);
      },
      Math.max(0, timeoutMs - elapsedMs),
    );
  }

  /** The turn is over. */
  lift(): void {
    clearTimeout(this.timer);
  }
}
