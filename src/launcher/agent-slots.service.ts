import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';

/** A session that works, or would. */
export interface SlotHolder {
  readonly id: string;
  readonly workspaceId: string | null;
}

interface Waiting {
  readonly holder: SlotHolder;
  readonly enter: () => void;
}

/** How many agents may be there at a time, on this node and in a workspace. Who comes when there is no room waits, and enters in order. */
@Injectable()
export class AgentSlots {
  private readonly inside = new Map<string, SlotHolder>();
  private waiting: Waiting[] = [];

  constructor(private readonly config: MusterConfig) {}

  /** Resolves when there is room, which is taken then; also, without room, when `signal` aborts: who is ended needs none. */
  async enter(holder: SlotHolder, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.inside.has(holder.id)) return;
    const entered = new Promise<void>((enter) => this.waiting.push({ holder, enter }));
    this.admit();
    const given = new AbortController();
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true, signal: given.signal }));
    await Promise.race([entered, aborted]);
    given.abort();
    this.waiting = this.waiting.filter((each) => each.holder !== holder);
  }

  /** Takes room whether there is some or not: what is there is there. */
  hold(holder: SlotHolder): void {
    this.inside.set(holder.id, holder);
  }

  leave(sessionId: string): void {
    if (this.inside.delete(sessionId)) this.admit();
  }

  private admit(): void {
    const { agents, agentsPerWorkspace } = this.config.limits;
    const hasRoom = (limit: number, taken: number) => limit === 0 || taken < limit;
    for (const { holder, enter } of [...this.waiting]) {
      if (!hasRoom(agents, this.inside.size)) return;
      const { workspaceId } = holder;
      const there = [...this.inside.values()].filter((each) => each.workspaceId === workspaceId).length;
      // A workspace that is full keeps nobody of another one waiting.
      if (workspaceId !== null && !hasRoom(agentsPerWorkspace, there)) continue;
      this.inside.set(holder.id, holder);
      this.waiting = this.waiting.filter((each) => each.holder !== holder);
      enter();
    }
  }
}
