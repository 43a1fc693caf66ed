import type { OpenBlock } from '../../events/event-log.types.js';
import type { EventsFrame } from './event-frames.js';
import type { ReadableLog } from './log-pages.js';
import type { Outlet } from './outlet.js';
import { DeltaFrame } from './session-topic.js';

/** How much of the streaming text of a session one reader has: it gets each piece once, and none behind the event that has it whole. */
export class OpenTexts {
  /** Open blocks by id: how much of its text the reader has. */
  private readonly texts = new Map<string, number>();
  /** Open blocks that the reader has as events already, read from the log before they were announced. */
  private readonly stored = new Set<string>();

  constructor(
    private readonly log: Pick<ReadableLog, 'openBlocks'>,
    private readonly outlet: Outlet,
  ) {}

  /** The reader has the text of `open` already. */
  begin(open: readonly OpenBlock[]): void {
    for (const { blockId, text } of open) this.texts.set(blockId, text.length);
  }

  isNew({ delta: { blockId, offset, text } }: DeltaFrame): boolean {
    return offset + text.length > this.known(blockId) && !this.stored.has(blockId);
  }

  /** Sends what of a delta is new; where it does not follow, what is missing of every block. */
  send(frame: DeltaFrame): void {
    const { blockId, offset, text } = frame.delta;
    const known = this.known(blockId);
    if (offset > known) return this.sendRest();
    this.outlet.send(offset === known ? frame : new DeltaFrame({ ...frame.delta, offset: known, text: text.slice(known - offset) }));
    this.texts.set(blockId, offset + text.length);
  }

  /** Sends what the reader lacks of the open blocks. */
  sendRest(): void {
    const open = this.log.openBlocks();
    for (const blockId of this.stored) if (!open.some((block) => block.blockId === blockId)) this.stored.delete(blockId);
    for (const block of open) {
      const offset = this.known(block.blockId);
      if (this.stored.has(block.blockId) || block.text.length <= offset) continue;
      this.outlet.send(new DeltaFrame({ ...block, offset, text: block.text.slice(offset) }));
      this.texts.set(block.blockId, block.text.length);
    }
  }

  /** A block's text is stored as the event with its id: no delta of it may follow. */
  noteStored({ textIds }: EventsFrame, isBehind: boolean): void {
    if (textIds.length === 0 || (this.texts.size === 0 && !isBehind)) return;
    const open = isBehind ? this.log.openBlocks() : [];
    for (const id of textIds) {
      this.texts.delete(id);
      if (open.some(({ blockId }) => blockId === id)) this.stored.add(id);
    }
  }

  private known(blockId: string): number {
    return this.texts.get(blockId) ?? 0;
  }
}
