import { SYSTEM } from '../auth/principal.types.js';
import type { TypedDraft } from '../events/event-log.types.js';

type OwnType = 'turn' | 'status' | 'input';

/** An event that the state machine writes. */
export const draft = <T extends OwnType>(type: T, turn: number | null, payload: TypedDraft<T>['payload']): TypedDraft<T> => ({
  type,
  turn,
  source: 'system',
  actor: SYSTEM.id,
  payload,
});
