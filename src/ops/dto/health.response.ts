export class HealthResponse {
  /** `ok`, or `degraded` with the reason in `checks`: `writes` that fail, settings of `durability` that are weak. @example 'ok' */
  status: string;
  /** @example '0.1.0' */
  version: string;
  /** Seconds since the start. @example 3600 */
  uptimeS: number;
  /** What was looked at. @example { "database": "ok" } */
  checks: Record<string, string>;
}
