import type { DomainEvent } from '../core/event-bus/domain-event.types.js';

/** What an act was done to. */
export interface AuditTarget {
  /** `session`, `approval`, `workspace`, `key`, `browser`. */
  readonly kind: string;
  readonly id: string | null;
}

/** Who did what to what, when and by which request. */
export interface AuditEntry {
  readonly position: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: AuditTarget;
  readonly workspaceId: string | null;
  readonly sessionId: string | null;
  readonly requestId: string | null;
  /** What was, as far as the act is about it. */
  readonly before?: Readonly<Record<string, unknown>>;
  /** What is since then, or what was asked for. */
  readonly after?: Readonly<Record<string, unknown>>;
}

type Facts = Readonly<Record<string, unknown>>;
type Change = Pick<AuditEntry, 'before' | 'after'>;

/** Acts whose payload does not say by its form what was before and what is after. */
const CHANGES: Readonly<Record<string, (facts: Facts) => Change>> = {
  'session.status-changed': ({ from, to, ...rest }) => ({ before: { status: from }, after: { status: to, ...rest } }),
  'session.interrupt-requested': ({ status }) => ({ before: { status }, after: { interruptRequested: true } }),
  'session.suspend-requested': ({ status }) => ({ before: { status }, after: { suspendRequested: true } }),
  'session.resumed': ({ from }) => ({ before: { status: from }, after: { status: 'queued' } }),
  'session.stop-requested': ({ status }) => ({ before: { status }, after: { stopRequested: true } }),
  'session.deleted': (facts) => ({ before: facts }),
  'session.updated': ({ before, after }) => ({ before: factsIn(before), after: factsIn(after) }),
  'session.state-changed': ({ before, after }) => ({ before: factsIn(before), after: factsIn(after) }),
  'workspace.updated': ({ before, after }) => ({ before: factsIn(before), after: factsIn(after) }),
  'workspace.deleted': (facts) => ({ before: facts }),
  'workspace.member-set': ({ principalId, before, after }) => ({
    before: { principalId, role: before },
    after: { principalId, role: after },
  }),
  'workspace.member-removed': ({ principalId, before }) => ({ before: { principalId, role: before }, after: { principalId, role: null } }),
  'approval.decided': (facts) => ({ before: { status: 'pending' }, after: { status: 'decided', ...facts } }),
  'approval.expired': (facts) => ({ before: { status: 'pending' }, after: facts }),
  'approval.cancelled': (facts) => ({ before: { status: 'pending' }, after: facts }),
  'key.revoked': ({ revokedAt, ...rest }) => ({ before: { ...rest, revokedAt: null }, after: { ...rest, revokedAt } }),
};

/** A domain event as an entry of the audit. What no rule is about was made by its act: all of it is `after`. */
export function auditEntryOf({ position, name, occurredAt, actor, workspaceId, sessionId, requestId, data }: DomainEvent): AuditEntry {
  const [kind = name] = name.split('.');
  const idField = kind === 'browser' ? 'keyId' : `${kind}Id`;
  const { [idField]: id, ...facts } = factsIn(data);
  const change = Object.hasOwn(CHANGES, name) ? CHANGES[name]?.(facts) : undefined;
  return {
    position,
    at: occurredAt,
    actor,
    action: name,
    target: { kind, id: typeof id === 'string' ? id : null },
    workspaceId,
    sessionId,
    requestId,
    ...(change ?? { after: facts }),
  };
}

const factsIn = (value: unknown): Facts => (typeof value === 'object' && value !== null ? { ...value } : {});
