import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The head of one session's log: everything that numbering needs, apart from the wide session row. Written by the event log only. */
@Entity('session_heads')
export class SessionHeadEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @Column({ type: 'varchar', length: 16 })
  epoch: string;
  @Column({ type: 'integer' })
  lastSeq: number;
  /** The first number whose payload is still kept. */
  @Column({ type: 'integer' })
  earliestSeq: number;
  /** Fences out a node that no longer owns the session. */
  @Column({ type: 'integer' })
  ownerEpoch: number;
  @Column({ type: 'integer' })
  messageCount: number;
  @Column({ type: 'boolean' })
  ended: boolean;
}

/** One immutable event. */
@Entity('session_events')
@Index('uq_session_events_id', ['sessionId', 'id'], { unique: true })
@Index('idx_session_events_messages', ['sessionId', 'seq'], { where: `type in ('message', 'input')` })
export class SessionEventEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @PrimaryColumn({ type: 'integer' })
  seq: number;
  @Column({ type: 'varchar', length: 256 })
  id: string;
  @Column({ type: 'integer', nullable: true })
  turn: number | null;
  @Column({ type: 'varchar', length: 128 })
  type: string;
  @Column({ type: 'varchar', length: 16 })
  source: string;
  @Column({ type: 'varchar', length: 128 })
  actor: string;
  @Column({ type: 'varchar', length: 24 })
  occurredAt: string;
  @Column({ type: 'varchar', length: 24 })
  recordedAt: string;
  @Column({ type: 'varchar', length: 256, nullable: true })
  nativeId: string | null;
  /** SHA-256 (hex) over the RFC 8785 form of `{type, payload}`. */
  @Column({ type: 'varchar', length: 64 })
  hash: string;
  /** JSON text, made once at ingest; null where retention has trimmed it. */
  @Column({ type: 'text', nullable: true })
  payload: string | null;
}

/** Which events of a log are about the same tool call: they may lie far apart. */
@Entity('tool_events')
@Index('idx_tool_events_call', ['sessionId', 'callKey', 'seq'])
export class ToolEventEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @PrimaryColumn({ type: 'integer' })
  seq: number;
  /** Of the `toolCallId`, which may be any text: the beginning of its SHA-256. */
  @Column({ type: 'varchar', length: 32 })
  callKey: string;
}

/** Streaming text that is not an event yet, as last saved. */
@Entity('open_blocks')
export class OpenBlockEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @PrimaryColumn({ type: 'varchar', length: 128 })
  blockId: string;
  @Column({ type: 'integer', nullable: true })
  turn: number | null;
  /** `message` or `thought`. */
  @Column({ type: 'varchar', length: 16 })
  kind: string;
  @Column({ name: 'body', type: 'text' })
  text: string;
  @Column({ type: 'varchar', length: 24 })
  startedAt: string;
}

/** Which blobs a session's events hold, and as what: the same bytes may be something else in another session, which nobody may learn here. */
@Entity('session_blobs')
@Index('idx_session_blobs_sha256', ['sha256'])
export class SessionBlobEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sha256: string;
  @Column({ type: 'varchar', length: 128 })
  mimeType: string;
}
