import { z } from 'zod';
import type { PromptAnswer, SpoolRecord } from '../../host/agent-host.types.js';
import { troubleState } from './agent-trouble.js';
import { translatorState } from './acp-translator.js';

const answer = z.union([
  z.object({ stopReason: z.string(), isCancelled: z.boolean().optional() }),
  z.object({
    error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }),
    isCancelled: z.boolean().optional(),
  }),
]);

/** What an agent's driver knows behind a record of its spool. */
export const acpState = z.object({
  translator: translatorState,
  trouble: troubleState,
  hasRejected: z.boolean(),
  currentMode: z.string().nullable(),
  lastTurn: z.number(),
  /** An answer of which nobody has made the end of its turn yet, perhaps. */
  finished: z.object({ turn: z.number(), answer }).nullable(),
  /** Decisions that are in the log, and perhaps have not reached the agent. */
  decisions: z.array(z.tuple([z.string(), z.string().nullable()])),
});
export type AcpState = z.infer<typeof acpState>;

/** Where the spool is to be read again, and what is known there. */
export interface Bookmark {
  readonly takenN: number;
  readonly resumeN: number;
  readonly state: AcpState;
}

/** Of an answer only what tells how the turn ended; what agents put into `data` may be of any size. */
export function remembered({ turn, answer: given }: SpoolRecord & { kind: 'prompt-finished' }): { turn: number; answer: PromptAnswer } {
  const { isCancelled } = given;
  if ('stopReason' in given) return { turn, answer: { stopReason: given.stopReason, isCancelled } };
  const { code, message, data } = given.error;
  const details = typeof data === 'object' && data !== null && 'details' in data ? data.details : data;
  return { turn, answer: { error: { code, message: message.slice(0, MAX_TEXT), ...short(details) }, isCancelled } };
}

const MAX_TEXT = 4_000;
const short = (data: unknown): { data?: string } => (typeof data === 'string' ? { data: data.slice(0, MAX_TEXT) } : {});

/** Finds the places at which reading may begin again: never within a text that is open. */
export class Bookmarks {
  private open: Pick<Bookmark, 'resumeN' | 'state'> | undefined;

  /** To be told of each record once it was translated. `openSince`: the record with which the open text began. */
  passed(n: number, openSince: number | null, state: () => AcpState): void {
    if (openSince === null) this.open = undefined;
    else if (openSince === n) this.open = { resumeN: n - 1, state: state() };
  }

  /** Behind the record that was passed last. `isWhole`: all that it became is stored with the events this is for. */
  at(n: number, isWhole: boolean, state: () => AcpState): Bookmark {
    return { takenN: isWhole ? n : n - 1, ...(this.open ?? { resumeN: n, state: state() }) };
  }
}
