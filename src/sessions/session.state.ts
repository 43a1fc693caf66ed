import type { RuntimeKind, SessionStatus } from './session.types.js';

/** Every move a session may make. A status that goes nowhere is ended. */
export const MOVES: Readonly<Record<SessionStatus, readonly SessionStatus[]>> = {
  queued: ['starting', 'suspended', 'stopped', 'failed'],
  starting: ['running', 'idle', 'awaiting_approval', 'suspended', 'failed', 'stopped', 'lost'],
  running: ['idle', 'awaiting_approval', 'suspended', 'completed', 'failed', 'stopped', 'expired', 'lost'],
  idle: ['running', 'awaiting_approval', 'suspended', 'completed', 'failed', 'stopped', 'expired', 'lost'],
  awaiting_approval: ['running', 'idle', 'suspended', 'completed', 'failed', 'stopped', 'expired', 'lost'],
  suspended: ['queued', 'starting', 'completed', 'stopped', 'expired'],
  lost: ['running', 'idle', 'awaiting_approval', 'queued', 'starting', 'suspended', 'completed', 'failed', 'stopped'],
  completed: [],
  failed: [],
  stopped: [],
  expired: [],
};

/** An external session goes on by itself when its reporter is heard again. */
const EXTERNAL_MOVES: Readonly<Partial<Record<SessionStatus, readonly SessionStatus[]>>> = { suspended: ['running'] };

export const movesFrom = (status: SessionStatus, runtime: RuntimeKind): readonly SessionStatus[] =>
  runtime === 'external' ? [...MOVES[status], ...(EXTERNAL_MOVES[status] ?? [])] : MOVES[status];

export const mayMove = (from: SessionStatus, to: SessionStatus, runtime: RuntimeKind): boolean => movesFrom(from, runtime).includes(to);

/** Nothing follows: the log is closed, a resume makes a new session. */
export const isEnded = (status: SessionStatus): boolean => MOVES[status].length === 0;

/** An agent is, or is about to be, at work or waiting. */
const LIVE: readonly SessionStatus[] = ['queued', 'starting', 'running', 'idle', 'awaiting_approval'];
export const isLive = (status: SessionStatus): boolean => LIVE.includes(status);
export const LIVE_STATUSES = LIVE;

const IS_GONE: readonly SessionStatus[] = ['suspended', 'lost', 'completed', 'failed', 'stopped', 'expired'];
/** Nobody answers what was asked before this move: the agent is gone, at rest, or was told to end. */
export const givesUpQuestions = (from: SessionStatus, to: SessionStatus): boolean =>
  IS_GONE.includes(to) || (from === 'awaiting_approval' && to === 'idle');
