import { VersionConflictError } from './sessions.errors.js';

/** `version` of the body and `versions` of an `If-Match`, each where it is given. @throws VersionConflictError */
export function assertVersion(session: { readonly version: number }, version?: number, versions?: readonly string[]): void {
  const isAsked = version === undefined || version === session.version;
  if (isAsked && (versions === undefined || versions.includes(String(session.version)))) return;
  throw new VersionConflictError(`The session has version ${session.version} by now, not ${version ?? versions?.join(' or ')}.`, {
    remedy: 'Read it again and repeat the change.',
    context: { version: session.version },
  });
}
