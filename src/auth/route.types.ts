/** Where `@Route` writes what the edge reads. */
export const ROUTE_PERMISSION = 'muster:permission';
export const ROUTE_LIMITS = 'muster:limits';
export const ROUTE_IDEMPOTENCY = 'muster:idempotency';

/** What a route that takes an `Idempotency-Key` says of itself. */
export interface RouteIdempotency {
  /** Its operation id. */
  readonly operation: string;
  /** `secret`: the answer holds one, and is kept encrypted. */
  readonly answer: 'plain' | 'secret';
}
