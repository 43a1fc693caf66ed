import { Column, Entity, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../../core/database/columns.js';

/** The host of a session's agent, and how far its spool was taken: that is written in the transaction of the events made of it. */
@Entity('agent_hosts')
export class AgentHostEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  @Column({ type: 'varchar', length: 64 })
  hostId: string;
  /** Where its spool and its token lie. */
  @Column({ type: 'text' })
  directory: string;
  @Column({ type: 'text' })
  socket: string;
  /** Of the shim; with its start time as in `sessions`. */
  @Column({ type: 'integer' })
  processId: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  processStartedAt: number;
  /** Of the agent itself. */
  @Column({ type: 'integer' })
  agentProcessId: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  agentStartedAt: number;
  /** What opening the conversation showed, as JSON text; null while it is not open. */
  @Column({ type: 'text', nullable: true })
  conversation: string | null;
  /** Number of the last record of which events are stored. */
  @Column({ type: 'bigint', transformer: wholeNumber })
  takenN: number;
  /** Number of the record behind which reading begins again: before the text that is open. */
  @Column({ type: 'bigint', transformer: wholeNumber })
  resumeN: number;
  /** What was known behind that record, as JSON text; null at the beginning. */
  @Column({ type: 'text', nullable: true })
  state: string | null;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
}
