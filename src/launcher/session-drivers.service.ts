import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { ConversationContext } from '../sessions/conversation-context.service.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { AgentSlots } from './agent-slots.service.js';
import { AgentStarter } from './agent-starter.service.js';
import { SessionDriver } from './session-driver.js';

/** Makes the drivers of sessions, with what they share. */
@Injectable()
export class SessionDrivers {
  constructor(
    private readonly config: MusterConfig,
    private readonly lifecycle: SessionLifecycle,
    private readonly starter: AgentStarter,
    private readonly slots: AgentSlots,
    private readonly context: ConversationContext,
  ) {}

  make(sessionId: string): SessionDriver {
    const { config, lifecycle, starter, slots, context } = this;
    const { agentIdleTimeoutMs: idleTimeoutMs, turnTimeoutMs, agentStopGraceMs: stopGraceMs } = config;
    return new SessionDriver(sessionId, { lifecycle, starter, slots, context, idleTimeoutMs, turnTimeoutMs, stopGraceMs });
  }
}
