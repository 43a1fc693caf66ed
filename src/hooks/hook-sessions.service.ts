import { Injectable } from '@nestjs/common';
import { basename } from 'node:path';
import { Access } from '../auth/access.service.js';
import type { Principal } from '../auth/principal.types.js';
import { storable } from '../core/text.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionCreation } from '../sessions/session-creation.service.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { ExternalIdTakenError } from '../sessions/sessions.errors.js';
import type { Hook } from './hook.types.js';

/** Where a hook says that it belongs. */
export interface HookPlace {
  /** A session that Muster launched. */
  readonly sessionId?: string;
  /** For a session that is made. */
  readonly workspaceId?: string;
}

const NAME_LENGTH = 80;

/** The session of a conversation that somebody started himself: found by the agent's own id, or made. */
@Injectable()
export class HookSessions {
  constructor(
    private readonly scope: SessionScope,
    private readonly creation: SessionCreation,
    private readonly lifecycle: SessionLifecycle,
    private readonly access: Access,
  ) {}

  /** @throws SessionNotFoundError, ForbiddenError, WorkspaceNotFoundError */
  async of(principal: Principal, agent: string, hook: Hook, { sessionId, workspaceId }: HookPlace): Promise<SessionEntity> {
    const launched = principal.sessionId ?? sessionId;
    if (launched !== undefined) return this.scope.findToEdit(principal, launched);
    const found = await this.find(principal, agent, hook);
    if (found) return this.scope.findToEdit(principal, found.id);
    this.access.assertMay(principal, 'sessions:create');
    return this.make(principal, agent, hook, workspaceId);
  }

  /** Whether it still has the name it was made with. */
  hasGivenName({ name, agent, projectDir }: SessionEntity): boolean {
    return name === nameOf(agent, projectDir);
  }

  private find(principal: Principal, agent: string, { nativeId }: Hook): Promise<SessionEntity | null> {
    return this.scope.findReported(principal, sourceOf(agent), nativeId);
  }

  private async make(principal: Principal, agent: string, hook: Hook, workspaceId: string | undefined): Promise<SessionEntity> {
    const projectDir = hook.cwd === null ? undefined : storable(hook.cwd, 4_096);
    const request = {
      runtime: 'external' as const,
      externalId: hook.nativeId,
      agentName: agent,
      name: nameOf(agent, projectDir ?? ''),
      ...(projectDir === undefined ? {} : { projectDir }),
      ...(workspaceId === undefined ? {} : { workspaceId }),
    };
    try {
      const { session } = await this.creation.create(principal, request, sourceOf(agent));
      await this.lifecycle.note(session.id, { agentSessionId: hook.nativeId });
      return session;
    } catch (error) {
      const other = error instanceof ExternalIdTakenError ? await this.find(principal, agent, hook) : null;
      if (!other) throw error;
      return other;
    }
  }
}

const sourceOf = (agent: string): string => `hook:${agent}`.slice(0, 64);

const nameOf = (agent: string, projectDir: string): string => {
  const directory = basename(projectDir);
  return (directory === '' ? agent : `${agent} in ${directory}`).slice(0, NAME_LENGTH).toWellFormed();
};
