/** An AsyncAPI 3.0 document. */
export class AsyncApiResponse {
  /** @example '3.0.0' */
  asyncapi: string;
  /** @example 'application/json' */
  defaultContentType: string;
  info: Record<string, unknown>;
  servers: Record<string, unknown>;
  channels: Record<string, unknown>;
  operations: Record<string, unknown>;
  components: Record<string, unknown>;
}
