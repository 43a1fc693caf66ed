import { storedContent } from './dto/content.validator.js';
import { withPreamble } from './modes/mode-outcome.js';
import type { InputEntity, SessionEntity } from './persistence/session.entity.js';
import type { BegunTurn } from './turn.types.js';

/** An input as its turn hands it to the agent. `elapsedMs`: for how long the turn has been under way. */
export const begunOf = (session: SessionEntity, turn: number, { id, content, agentMode }: InputEntity, elapsedMs: number): BegunTurn => ({
  turn,
  inputId: id,
  content: withPreamble(session, turn, storedContent(content)),
  agentMode,
  elapsedMs,
  needsContext: session.contextDue === 'text',
});
