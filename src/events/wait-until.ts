/**
 * Waits until `test` holds, looking again each time `subscribe`'s wake is called; ends without an error after `timeoutMs` or when
 * `gone` aborts. Subscribes before it looks, so that nothing falls in between.
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
    end.removeEventListener('abort', stop);
  }
}
