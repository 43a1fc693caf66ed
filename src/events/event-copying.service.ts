import { Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import type { Work } from '../core/database/work.js';
import { parseObject } from '../core/json.js';
import { contentHash } from './event-preparation.js';
import { CopyStore } from './persistence/copy.store.js';
import { TrimStore } from './persistence/trim.store.js';

/** SQLite takes 32,766 parameters a statement (https://sqlite.org/limits.html#max_variable_number). */
const MAX_LEFT_OUT = 10_000;

/** A conversation that goes into a log of its own. */
export interface ConversationCopy {
  /** Its log must be locked. */
  readonly from: string;
  /** Its log must be empty, and made in the same unit. */
  readonly to: string;
  /** The last event that may be copied. */
  readonly through: number;
  /** Inputs that no agent was given: nobody has answered them. */
  readonly withoutInputs: ReadonlySet<string>;
}

/**
 * Copies a conversation into the log of a new session: messages, thoughts and tool calls, with the times at which they happened. What was
 * an input there is a message of the user here. Neither status, turns, approvals nor usage: those were the other session's.
 */
@Injectable()
export class EventCopying {
  constructor(
    private readonly store: CopyStore,
    private readonly trims: TrimStore,
    private readonly clock: Clock,
  ) {}

  /** Only what is still kept. Within a unit of work. */
  async copyIn(work: Work, { from, to, through, withoutInputs }: ConversationCopy): Promise<void> {
    const without =
      withoutInputs.size === 0
        ? []
        : (await this.store.inputs(work, from, through))
            .filter(({ payload }) => withoutInputs.has(String(parseObject(payload)['inputId'])))
            .map(({ seq }) => seq)
            .slice(-MAX_LEFT_OUT);
    await this.store.copy(work, { from, to, through, without, recordedAt: this.clock.nowIso() });
    const inputs = await this.store.inputs(work, to, through);
    await this.store.replace(
      work,
      to,
      inputs.map(({ seq, payload }) => {
        const message = { role: 'user', content: parseObject(payload)['content'] };
        return { seq, type: 'message', payload: JSON.stringify(message), hash: contentHash('message', message) };
      }),
    );
    await this.store.linkBlobs(work, from, to, await this.trims.blobsIn(to, 1, through));
  }
}
