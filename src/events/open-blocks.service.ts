import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import type { Delta, OpenBlock } from './event-log.types.js';
import { EventLog } from './event-log.service.js';
import type { PreparedEvent } from './event-preparation.js';
import { EventConflictError, LogNotFoundError, SessionEndedError } from './events.errors.js';
import { OpenBlocksStore } from './persistence/open-blocks.store.js';

/** Open text is on disk at most this much later than it was heard. */
const SAVE_EVERY_MS = 1_000;
/** A delta has at most so many UTF-16 units, so that a reader who takes little is noticed between two of them. */
const MAX_DELTA = 16 * 1024;

interface LiveBlock extends OpenBlock {
  text: string;
  readonly startedAt: string;
}

/**
 * Streaming text before it is an event: sent on at once as a delta without a number, saved at most every second, and stored once,
 * whole, as the `message` or `thought` with the same `blockId` (whose event id is the block id, so that it can't be stored twice).
 */
@Injectable()
export class OpenBlocks implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(OpenBlocks.name);
  private readonly live = new Map<string, Map<string, LiveBlock>>();
  private readonly dirty = new Set<LiveBlock>();
  private readonly listeners = new Set<(delta: Delta) => void>();
  private timer: NodeJS.Timeout | undefined;
  private saving: Promise<void> = Promise.resolve();
  private isEnding = false;

  constructor(
    private readonly log: EventLog,
    private readonly store: OpenBlocksStore,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.log.addProjection(async (work, growths) => {
      for (const { head, fresh } of growths) await this.close(work, head.sessionId, fresh);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.isEnding = true;
    clearTimeout(this.timer);
    await this.save();
  }

  /** Adds a piece of text to a block, which opens with its first piece. */
  write(piece: Omit<Delta, 'offset'>): void {
    const { sessionId, blockId, turn, kind, text } = piece;
    if (text === '') return;
    const blocks = this.live.get(sessionId) ?? new Map<string, LiveBlock>();
    this.live.set(sessionId, blocks);
    const block = blocks.get(blockId) ?? { sessionId, blockId, turn, kind, text: '', startedAt: this.clock.nowIso() };
    blocks.set(blockId, block);
    const first = block.text.length;
    block.text += text;
    this.dirty.add(block);
    this.saveLater();
    for (let at = 0; at < text.length;) {
      const end = endOfPiece(text, at);
      const delta = { ...piece, offset: first + at, text: text.slice(at, end) };
      this.listeners.forEach((listener) => listener(delta));
      at = end;
    }
  }

  /** The open blocks of a session, as they stand. */
  of(sessionId: string): OpenBlock[] {
    return [...(this.live.get(sessionId)?.values() ?? [])].map(({ startedAt: _, ...block }) => block);
  }

  onDelta(listener: (delta: Delta) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Makes messages, marked as truncated, of what a crash of the server left open, but for the sessions in `kept`: their agents go on. */
  async recover(kept: ReadonlySet<string> = new Set()): Promise<void> {
    for (const block of await this.store.all()) {
      if (kept.has(block.sessionId) || this.live.get(block.sessionId)?.has(block.blockId)) continue;
      try {
        const common = { content: [{ type: 'text' as const, text: block.text }], blockId: block.blockId, truncated: true };
        await this.log.appendOne(block.sessionId, {
          id: block.blockId,
          type: block.kind,
          turn: block.turn,
          source: 'system',
          actor: 'system',
          payload: block.kind === 'message' ? { role: 'assistant', ...common } : common,
        });
      } catch (error) {
        // Stored already, or nothing left to belong to: only the saved row is too much.
        if (!(error instanceof EventConflictError || error instanceof SessionEndedError || error instanceof LogNotFoundError)) throw error;
      }
      await this.unit.run((work) => this.store.remove(work, block.sessionId, block.blockId));
    }
  }

  /** Blocks that are stored whole are no longer open. */
  private async close(work: Work, sessionId: string, events: readonly PreparedEvent[]): Promise<void> {
    for (const { type, value } of events) {
      const { blockId } = value;
      if ((type !== 'message' && type !== 'thought') || typeof blockId !== 'string') continue;
      await this.store.remove(work, sessionId, blockId);
      work.afterCommit(() => this.forget(sessionId, blockId));
    }
  }

  private forget(sessionId: string, blockId: string): void {
    const blocks = this.live.get(sessionId);
    const block = blocks?.get(blockId);
    if (block) this.dirty.delete(block);
    blocks?.delete(blockId);
    if (blocks?.size === 0) this.live.delete(sessionId);
  }

  private save(): Promise<void> {
    this.timer = undefined;
    this.saving = this.saving.then(async () => {
      if (this.dirty.size === 0) return;
      let blocks: LiveBlock[] = [];
      try {
        await this.unit.run(async (work) => {
          blocks = [...this.dirty];
          this.dirty.clear();
          await this.store.save(work, blocks);
        });
      } catch (error) {
        this.logger.warn({ msg: 'open text could not be saved, which is tried again', err: error });
        // Those that were stored whole meanwhile are no longer open.
        for (const block of blocks) if (this.live.get(block.sessionId)?.get(block.blockId) === block) this.dirty.add(block);
        if (!this.isEnding) this.saveLater();
      }
    });
    return this.saving;
  }

  private saveLater(): void {
    this.timer ??= setTimeout(() => void this.save(), SAVE_EVERY_MS).unref();
  }
}

/** Never between the halves of a surrogate pair. */
function endOfPiece(text: string, at: number): number {
  const end = at + MAX_DELTA;
  if (end >= text.length) return text.length;
  return (text.codePointAt(end - 1) ?? 0) > 0xffff ? end - 1 : end;
}
