/** What nobody announced (another process wrote it, or the announcement was lost) is found within this time. */
const LOOK_EVERY_MS = 800;

/**
 * Waits until `test` holds, looking again each time `subscribe`'s wake is called, and by itself within a second; ends without an
 * error after `timeoutMs` or when `gone` aborts. Subscribes before it looks, so that nothing falls in between.
 */
export async function waitUntil(
  subscribe: (wake: () => void) => () => void,
  test: () => Promise<boolean>,
  timeoutMs: number,
  gone: AbortSignal,
): Promise<void> {
  const end = AbortSignal.any([AbortSignal.timeout(timeoutMs), gone]);
  let wake = (): void => undefined;
  const unsubscribe = subscribe(() => wake());
  const look = setInterval(() => wake(), LOOK_EVERY_MS);
  const stop = (): void => wake();
  end.addEventListener('abort', stop);
  try {
    while (!end.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      if (await test()) return;
      if (!end.aborted) await woken;
    }
  } finally {
    unsubscribe();
    clearInterval(look);
    end.removeEventListener('abort', stop);
  }
}
