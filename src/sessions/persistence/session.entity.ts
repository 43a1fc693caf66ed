import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../../core/database/columns.js';
import type { PermissionPolicy, SessionIsolation, SessionOrigin, SessionStatus, RuntimeKind } from '../session.types.js';

/** One conversation of an agent. Numbering and message count live in {@link SessionHeadEntity}, written by the event log only. */
@Entity('sessions')
@Index('idx_sessions_created', ['createdAt', 'id'])
@Index('idx_sessions_updated', ['updatedAt', 'id'])
@Index('idx_sessions_workspace', ['workspaceId', 'createdAt'])
@Index('idx_sessions_ended', ['workspaceId', 'endedAt', 'id'])
@Index('idx_sessions_status', ['status'])
@Index('idx_sessions_resumed_from', ['resumedFromId'])
@Index('idx_sessions_forked_from', ['forkedFromId'])
@Index('uq_sessions_external', ['ownerId', 'source', 'externalId'], { unique: true })
export class SessionEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  @Column({ type: 'varchar', length: 256, nullable: true })
  externalId: string | null;
  /** Which contract or reporter gave `externalId`. */
  @Column({ type: 'varchar', length: 64 })
  source: string;
  @Column({ type: 'varchar', length: 64, nullable: true })
  workspaceId: string | null;
  @Column({ type: 'varchar', length: 256 })
  name: string;
  @Column({ type: 'varchar', length: 128 })
  agent: string;
  @Column({ type: 'varchar', length: 16 })
  runtime: RuntimeKind;
  @Column({ type: 'varchar', length: 64, nullable: true })
  mode: string | null;
  /** What its mode said when it began, as JSON text: a mode that is changed later changes no session. */
  @Column({ type: 'text', nullable: true })
  modeRules: string | null;
  @Column({ type: 'varchar', length: 32 })
  status: SessionStatus;
  @Column({ type: 'varchar', length: 16 })
  origin: SessionOrigin;
  @Column({ type: 'varchar', length: 64, nullable: true })
  parentId: string | null;
  @Column({ type: 'varchar', length: 64, nullable: true })
  groupId: string | null;
  @Column({ type: 'varchar', length: 64, nullable: true })
  forkedFromId: string | null;
  @Column({ type: 'integer', nullable: true })
  forkedAtSeq: number | null;
  @Column({ type: 'varchar', length: 64, nullable: true })
  resumedFromId: string | null;
  /** The agent's own id of this conversation. */
  @Column({ type: 'varchar', length: 256, nullable: true })
  agentSessionId: string | null;
  @Column({ type: 'varchar', length: 256, nullable: true })
  model: string | null;
  @Column({ type: 'varchar', length: 128, nullable: true })
  agentMode: string | null;
  /** JSON text. */
  @Column({ type: 'text' })
  mcpServers: string;
  @Column({ type: 'text' })
  projectDir: string;
  @Column({ type: 'varchar', length: 128, nullable: true })
  phase: string | null;
  @Column({ type: 'integer', nullable: true })
  step: number | null;
  /** JSON text. */
  @Column({ type: 'text' })
  state: string;
  /** JSON text. */
  @Column({ type: 'text' })
  metadata: string;
  @Column({ type: 'varchar', length: 16 })
  policy: PermissionPolicy;
  @Column({ type: 'varchar', length: 16 })
  isolation: SessionIsolation;
  /** Whether it is started on creation, or waits for its first input. */
  @Column({ type: 'boolean' })
  launch: boolean;
  @Column({ type: 'varchar', length: 128 })
  ownerId: string;
  @Column({ type: 'varchar', length: 128, nullable: true })
  ownerNode: string | null;
  @Column({ type: 'integer', nullable: true })
  processId: number | null;
  /** Field 22 of `/proc/<pid>/stat`, in clock ticks since boot: tells a process from a later one with the same pid. */
  @Column({ type: 'bigint', nullable: true, transformer: wholeNumber })
  processStartedAt: number | null;
  @Column({ type: 'integer', nullable: true })
  exitCode: number | null;
  @Column({ type: 'varchar', length: 32, nullable: true })
  exitSignal: string | null;
  @Column({ type: 'text', nullable: true })
  endReason: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  stopRequestedAt: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  suspendRequestedAt: string | null;
  /** How its agent has to come by the conversation so far: by going on with its own, or by being told; null: it has it. */
  @Column({ type: 'varchar', length: 16, nullable: true })
  contextDue: 'native' | 'text' | null;
  @Column({ type: 'varchar', length: 256, nullable: true })
  lastMessagePreview: string | null;
  /** The number of the assistant's last message in the log. */
  @Column({ type: 'integer', nullable: true })
  lastMessageSeq: number | null;
  @Column({ type: 'bigint', transformer: wholeNumber })
  usageInput: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  usageOutput: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  usageCacheRead: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  usageCacheWrite: number;
  @Column({ type: 'double precision' })
  usageCostUsd: number;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  @Column({ type: 'varchar', length: 24, nullable: true })
  startedAt: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  endedAt: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  lastResumedAt: string | null;
  @Column({ type: 'varchar', length: 24 })
  updatedAt: string;
  @Column({ type: 'integer' })
  version: number;
}

/** One prompt and all that followed until the agent stopped. */
@Entity('turns')
export class TurnEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  /** 1, 2, 3 … within the session. */
  @PrimaryColumn({ type: 'integer' })
  number: number;
  @Column({ type: 'varchar', length: 64, nullable: true })
  inputId: string | null;
  @Column({ type: 'varchar', length: 16 })
  state: string;
  @Column({ type: 'varchar', length: 128, nullable: true })
  stopReason: string | null;
  @Column({ type: 'varchar', length: 24 })
  startedAt: string;
  @Column({ type: 'varchar', length: 24, nullable: true })
  endedAt: string | null;
  /** The number of the event that tells of its end; null while it is open. */
  @Column({ type: 'integer', nullable: true })
  endedSeq: number | null;
}

/** A prompt on its way to the agent: accepted (durable), delivered, or unknown after a crash in between. */
@Entity('inputs')
@Index('idx_inputs_session', ['sessionId', 'position'], { unique: true })
export class InputEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  @Column({ type: 'varchar', length: 64 })
  sessionId: string;
  /** Order within the session: 1, 2, 3 … */
  @Column({ type: 'integer' })
  position: number;
  @Column({ type: 'integer', nullable: true })
  turn: number | null;
  @Column({ type: 'varchar', length: 16 })
  state: string;
  /** Content blocks, as JSON text. */
  @Column({ type: 'text' })
  content: string;
  @Column({ type: 'varchar', length: 128, nullable: true })
  agentMode: string | null;
  @Column({ name: 'by', type: 'varchar', length: 128 })
  by: string;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  @Column({ type: 'varchar', length: 24, nullable: true })
  deliveredAt: string | null;
}
