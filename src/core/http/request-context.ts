import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of the request under way, for logs and answers. */
export interface RequestContext {
  readonly requestId: string;
  principalId?: string;
}

export const requestContext = new AsyncLocalStorage<RequestContext>();
