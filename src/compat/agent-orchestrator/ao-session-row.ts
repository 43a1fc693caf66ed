import { z } from 'zod';
import { isJsonObject, parseObject } from '../../core/json.js';
import type { SessionEntity } from '../../sessions/persistence/session.entity.js';
import type { SessionStatus } from '../../sessions/session.types.js';
import { AO_KEPT, AO_SOURCE, type AoSession, pythonTime, timeOf } from './ao-event.types.js';

/** What of a session the row has no place for, in the words of its reporter. */
const kept = z.looseObject({
  createdAt: z.string().optional(),
  lastResumedAt: z.string().optional(),
  /** It was made by an event: their clients hear of it by that event. */
  isQuiet: z.boolean().optional(),
});
export type KeptOfSession = z.infer<typeof kept>;

/** Who has this agent has not said who it is. */
export const NO_AGENT = 'external';

/** What a row of theirs is made from. */
export type SessionFacts = Pick<
  SessionEntity,
  'id' | 'externalId' | 'source' | 'name' | 'status' | 'createdAt' | 'projectDir' | 'agent' | 'lastResumedAt'
> & { readonly kept: KeptOfSession };

export const factsOf = (session: SessionEntity): SessionFacts => ({
  id: session.id,
  externalId: session.externalId,
  source: session.source,
  name: session.name,
  status: session.status,
  createdAt: session.createdAt,
  projectDir: session.projectDir,
  agent: session.agent,
  lastResumedAt: session.lastResumedAt,
  kept: keptIn(parseObject(session.metadata)),
});

export function keptIn(metadata: unknown): KeptOfSession {
  const result = kept.safeParse(isJsonObject(metadata) ? metadata[AO_KEPT] : undefined);
  return result.success ? result.data : {};
}

/** Sessions of the contract have the id their client gave them, all others ours. */
export const sessionIdOf = ({ id, source, externalId }: Pick<SessionFacts, 'id' | 'source' | 'externalId'>): string =>
  source === AO_SOURCE && externalId !== null ? externalId : id;

const RUNNING: readonly SessionStatus[] = ['queued', 'starting', 'running', 'awaiting_approval'];

/** An agent that waits for the next prompt has finished the one before. */
export const shownStatus = (status: SessionStatus): AoSession['status'] => (RUNNING.includes(status) ? 'running' : 'finished');

export const rowOf = (facts: SessionFacts): AoSession => ({
  session_id: sessionIdOf(facts),
  session_name: facts.name,
  status: shownStatus(facts.status),
  created_at: facts.kept.createdAt ?? pythonTime(facts.createdAt),
  project_dir: facts.projectDir === '' ? null : facts.projectDir,
  agent_name: facts.agent === NO_AGENT ? null : facts.agent,
  last_resumed_at: facts.kept.lastResumedAt ?? (facts.lastResumedAt === null ? null : pythonTime(facts.lastResumedAt)),
});

/** Newest first, by the time that is shown. */
export function newestFirst<T extends { readonly facts: SessionFacts }>(all: readonly T[]): T[] {
  const timed = all.map((each) => ({ each, at: timeOf(each.facts.kept.createdAt ?? '') ?? each.facts.createdAt }));
  return timed.sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1)).map(({ each }) => each);
}
