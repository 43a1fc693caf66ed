import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { isPlainJson, NOT_PLAIN } from '../core/http/json-body.js';
import { problemOf, type Problem } from '../core/errors/problem.js';
import { ExternalSessions, isReportedMove } from '../sessions/external-sessions.service.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import type { SessionBrief } from '../sessions/session.types.js';
import { EventLog } from './event-log.service.js';
import type { Appended, EventDraft } from './event-log.types.js';
import { RESERVED_TYPES } from './event-payloads.types.js';
import { InvalidEventError } from './events.errors.js';

const MAX_BATCH = 1_000;
/** Characters of JSON a reporter may give for one event. */
const MAX_EVENT_LENGTH = 256 * 1024;

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const itemSchema = z.strictObject({
  id: z.string().optional(),
  type: z.string(),
  payload: z.custom<Record<string, unknown>>(isRecord, 'must be an object'),
  occurredAt: z.string().optional(),
  turn: z.number().int().min(1).max(2_147_483_647).nullish(),
  nativeId: z.string().nullish(),
});

/** What became of one item of a batch. */
export type AppendItemResult = Appended | { readonly id?: string; readonly error: Problem };
type Outcome = { readonly ok: true; readonly value: Appended } | { readonly ok: false; readonly error: Error };

/** Appends for callers: what they may see, in the form it must have. */
@Injectable()
export class EventsService {
  constructor(
    private readonly log: EventLog,
    private readonly scope: SessionScope,
    private readonly external: ExternalSessions,
  ) {}

  /** One result an item, in order; a bad item does not refuse the others. @throws SessionNotFoundError, InvalidInputError, LogOverloadedError */
  async append(principal: Principal, id: string, items: readonly unknown[]): Promise<AppendItemResult[]> {
    const outcomes = await this.appendEach(principal, id, items);
    return outcomes.map((outcome, index) => (outcome.ok ? outcome.value : { ...idOf(items[index]), error: problemOf(outcome.error) }));
  }

  /** @throws what refuses the item */
  async appendOne(principal: Principal, id: string, item: unknown): Promise<Appended> {
    const [outcome] = await this.appendEach(principal, id, [item]);
    if (!outcome) throw new InvalidInputError('Nothing was sent.');
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  private async appendEach(principal: Principal, id: string, items: readonly unknown[]): Promise<Outcome[]> {
    if (items.length === 0 || items.length > MAX_BATCH)
      throw new InvalidInputError(`A batch has 1 to ${MAX_BATCH} events, not ${items.length}.`, {
        issues: [{ path: 'events', message: `1 to ${MAX_BATCH} events` }],
      });
    const session = await this.scope.findToAppend(principal, id);
    const drafts = items.map((item) => attempt(() => draftOf(item, principal, session)));
    const outcomes: Outcome[] = [];
    let mayRest = session.status !== 'running';
    // What moves an external session's state is a unit of its own; what lies between goes into the log together.
    for (let at = 0; at < drafts.length;) {
      const first = drafts[at];
      if (first?.ok && isReportedMove(first.value.type)) {
        outcomes.push(await settle(this.external.reportMove(principal, session.id, first.value)));
        mayRest = true;
        at += 1;
        continue;
      }
      const end = drafts.findIndex((each, index) => index > at && each.ok && isReportedMove(each.value.type));
      const run = drafts.slice(at, end < 0 ? drafts.length : end);
      try {
        outcomes.push(...(await this.appendRun(principal, session, run, mayRest)));
      } catch (error) {
        // What is stored is stored: only the rest is refused.
        if (outcomes.length === 0) throw error;
        outcomes.push(...run.map((each): Outcome => (each.ok ? { ok: false, error: asError(error) } : each)));
      }
      at += run.length;
    }
    return outcomes;
  }

  /** `mayRest`: the session may be idle or suspended by now; an event that is new wakes it. */
  private async appendRun(
    principal: Principal,
    session: SessionBrief,
    run: readonly Attempt<EventDraft>[],
    mayRest: boolean,
  ): Promise<Outcome[]> {
    const good = run.flatMap((each) => (each.ok ? [each.value] : []));
    const results = good.length > 0 ? await this.log.append(session.id, good) : [];
    const isNews = results.some((each) => each.ok && !each.value.duplicate);
    if (isNews && mayRest && session.runtime === 'external') await this.external.heard(principal, session.id);
    return run.map((each): Outcome =>
      each.ok ? (results.shift() ?? { ok: false, error: new Error('an append without a result') }) : each,
    );
  }
}

function draftOf(item: unknown, principal: Principal, session: SessionBrief): EventDraft {
  const result = itemSchema.safeParse(item);
  if (!result.success) {
    const issues = result.error.issues.slice(0, 20).map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
    throw new InvalidEventError(`Not an event: ${issues.map(({ path, message }) => `${path || 'item'}: ${message}`).join('; ')}`, {
      issues,
    });
  }
  const { type, payload } = result.data;
  const isReserved = RESERVED_TYPES.some((each) => each === type) || isReportedMove(type);
  if (isReserved && !(session.runtime === 'external' && isReportedMove(type)))
    throw new InvalidEventError(`Events of the type ${type} are written by Muster only.`, {
      remedy: 'Use a type of your own. The reporter of an external session may send turn, session_start and session_stop.',
      issues: [{ path: 'type', message: 'reserved' }],
    });
  if (!isPlainJson(payload)) throw new InvalidEventError(NOT_PLAIN);
  const text = JSON.stringify(payload);
  if (text.length > MAX_EVENT_LENGTH)
    throw new InvalidEventError(`The payload has ${text.length} characters of JSON; ${MAX_EVENT_LENGTH} are allowed.`, {
      remedy: 'Split it, or refer to a file.',
    });
  return { ...result.data, text, source: 'api', actor: principal.id };
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

function attempt<T>(make: () => T): Attempt<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    return { ok: false, error: asError(error) };
  }
}

async function settle(promise: Promise<Appended>): Promise<Outcome> {
  try {
    return { ok: true, value: await promise };
  } catch (error) {
    return { ok: false, error: asError(error) };
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const idOf = (item: unknown): { id?: string } =>
  typeof item === 'object' && item !== null && 'id' in item && typeof item.id === 'string' ? { id: item.id } : {};
