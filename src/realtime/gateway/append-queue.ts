import type { Principal } from '../../auth/principal.types.js';
import { requestContext } from '../../core/http/request-context.js';
import type { AppendItemResult, EventsService } from '../../events/events.service.js';

/** Items the events service takes at once. */
const MAX_ITEMS = 1_000;

interface Waiting {
  readonly items: readonly unknown[];
  readonly resolve: (results: AppendItemResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The appends of one connection: those of one session are stored in the order in which they came, and what comes while one is
 * under way goes together in the next, so that a reporter need not wait for answers.
 */
export class AppendQueue {
  private readonly queues = new Map<string, Waiting[]>();

  constructor(
    private readonly events: EventsService,
    /** Whose they are: each group is stored as the principal of its time. */
    private readonly access: { readonly now: Principal | Promise<Principal> },
  ) {}

  append(sessionId: string, items: readonly unknown[]): Promise<AppendItemResult[]> {
    return new Promise((resolve, reject) => {
      const queue = this.queues.get(sessionId);
      if (queue) return void queue.push({ items, resolve, reject });
      const first: Waiting[] = [{ items, resolve, reject }];
      this.queues.set(sessionId, first);
      // What is stored together belongs to no single request.
      void requestContext.exit(() => this.drain(sessionId, first));
    });
  }

  private async drain(sessionId: string, queue: Waiting[]): Promise<void> {
    for (let group = takeGroup(queue); group.length > 0; group = takeGroup(queue)) {
      try {
        const { now } = this.access;
        const principal = now instanceof Promise ? await now : now;
        const all = group.flatMap(({ items }) => items);
        const results = [...(await this.events.append(principal, sessionId, all))];
        for (const { items, resolve } of group) resolve(results.splice(0, items.length));
      } catch (error) {
        group.forEach(({ reject }) => reject(error));
      }
    }
    this.queues.delete(sessionId);
  }
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let size = 0;
  const count = queue.findIndex(({ items }, index) => (size += items.length) > MAX_ITEMS && index > 0);
  return queue.splice(0, count < 0 ? queue.length : count);
}
