/** How long an answer is kept. */
export const KEPT_MS = 24 * 3_600_000;

/** An idempotency key: 1 to 255 printable ASCII characters, told apart by each of them. */
export const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/** A request that is carried out once, however often it is sent. */
export interface OnceRequest {
  readonly principalId: string;
  /** The stable name of what is asked, the same on every transport. */
  readonly operation: string;
  /** The ids it is asked of, as the caller gave them. */
  readonly target: readonly string[];
  readonly key: string;
  /** What must be the same each time, as JSON: the body, and what the credential reaches. */
  readonly content: unknown;
  /** The answer holds a secret, and is kept encrypted with this and the key. Must be the same each time. */
  readonly seal?: string;
}

/** What is kept of an answer, and given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}
