import { registerDecorator } from 'class-validator';
import { MAX_RETENTION_DAYS, MAX_RETENTION_EVENTS } from '../../config/retention-config.js';

/** How long what events hold is kept, on turns that have ended. A bound that is null or absent keeps for ever. */
export class RetentionRequest {
  /** Days since an event was recorded. @example 30 */
  maxAgeDays?: number | null;
  /** Events a session, the newest. @example 10000 */
  maxEvents?: number | null;
}

export class RetentionResponse {
  /** Days since an event was recorded; null: no bound by age. @example 30 */
  maxAgeDays: number | null;
  /** Events a session, the newest; null: no bound by count. @example 10000 */
  maxEvents: number | null;
}

const MOST = new Map([
  ['maxAgeDays', MAX_RETENTION_DAYS],
  ['maxEvents', MAX_RETENTION_EVENTS],
]);
const MESSAGE = `must be an object with maxAgeDays (1 to ${MAX_RETENTION_DAYS}, or null) and maxEvents (1 to ${MAX_RETENTION_EVENTS}, or null)`;

/** A {@link RetentionRequest} and nothing besides. */
export function IsRetention(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'isRetention',
      target: target.constructor,
      propertyName: String(property),
      options: { message: MESSAGE },
      validator: { validate: isRetention },
    });
}

function isRetention(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([key, bound]: [string, unknown]) => {
    const most = MOST.get(key);
    if (most === undefined) return false;
    return bound === null || (typeof bound === 'number' && Number.isInteger(bound) && bound >= 1 && bound <= most);
  });
}
