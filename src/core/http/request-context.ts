import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of the request under way, for logs and answers. */
export interface RequestContext {
  readonly requestId: string;
  principalId?: string;
}

export const requestContext = new AsyncLocalStorage<RequestContext>();

/** Does what is begun here on behalf of the request with this id; of none, where it is null. */
export const onBehalfOf = <T>(requestId: string | null, work: () => T): T =>
  requestId === null ? requestContext.exit(work) : requestContext.run({ requestId }, work);
