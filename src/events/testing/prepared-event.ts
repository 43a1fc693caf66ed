import type { PreparedEvent } from '../event-preparation.js';

/** An event that is ready to be stored; its content is told by `hash` alone. */
export const preparedEvent = (id: string, fields: Partial<PreparedEvent> = {}): PreparedEvent => ({
  id,
  type: 'log',
  turn: null,
  source: 'api',
  actor: 'test',
  occurredAt: '',
  nativeId: null,
  hash: id,
  payload: '{}',
  blobs: [],
  value: {},
  ...fields,
});
