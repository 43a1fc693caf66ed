import { z } from 'zod';

const codexStatus = z.looseObject({
  sessionUpdate: z.literal('session_info_update'),
  _meta: z.looseObject({
    codex: z.looseObject({
      threadStatus: z.looseObject({ type: z.string() }).optional(),
      error: z.looseObject({ message: z.string(), additionalDetails: z.string().nullish() }).optional(),
    }),
  }),
});

export const troubleState = z.object({ isInTrouble: z.boolean(), message: z.string().nullable() });
export type TroubleState = z.infer<typeof troubleState>;

/**
 * Failures that an agent reports beside the protocol. codex-acp 2.6.0 answers a turn whose model failed with `end_turn`, as if it had
 * succeeded; only the status of its thread tells (measured with a model API that answers 400, 401 and 500).
 */
export class AgentTrouble {
  private isInTrouble = false;
  private message: string | null = null;

  /** A turn begins. */
  forget(): void {
    this.isInTrouble = false;
    this.message = null;
  }

  see(update: unknown): void {
    const { data } = codexStatus.safeParse(update);
    const codex = data?._meta.codex;
    if (codex?.threadStatus) this.isInTrouble = codex.threadStatus.type === 'systemError';
    if (codex?.error) this.message = [codex.error.message, codex.error.additionalDetails].filter(Boolean).join(': ');
  }

  /** What it knows, to go on from elsewhere. */
  get state(): TroubleState {
    return { isInTrouble: this.isInTrouble, message: this.message };
  }

  restore({ isInTrouble, message }: TroubleState): void {
    this.isInTrouble = isInTrouble;
    this.message = message;
  }

  /** Why the turn failed; null where it did not. */
  get reason(): string | null {
    return this.isInTrouble ? (this.message ?? 'the agent reports a system error') : null;
  }
}
