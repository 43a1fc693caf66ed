import type { IdempotentRequests } from '../../auth/idempotent-requests.service.js';
import type { KeptAnswer } from '../../core/idempotency/idempotency.types.js';
import { parseObject } from '../../core/json.js';
import type { Answer, Command } from './command.js';
import type { IdempotentSpec } from './command-specs.js';

/** A command that is carried out once for each `idempotencyKey`, over HTTP and WebSocket together. */
export function once(command: Command, requests: IdempotentRequests): Command {
  const { spec } = command;
  const { idempotent } = spec;
  if (!idempotent) return command;
  return {
    spec,
    prepare: async (fields) => {
      const prepared = await command.prepare(fields);
      const { idempotencyKey: key, sessionId, ...body } = fields;
      if (typeof key !== 'string') return prepared;
      const { operation } = idempotent;
      const target = typeof sessionId === 'string' ? [sessionId] : [];
      return {
        ...prepared,
        run: async (context) => {
          const { answer, isReplayed } = await requests.once(context.principal, { operation, target, key, body }, async () =>
            keptAnswer(idempotent, await prepared.run(context)),
          );
          return { data: dataOf(idempotent, answer.body), isReplayed };
        },
      };
    },
  };
}

/** As the route gives it. */
function keptAnswer({ status: usual, field, location }: IdempotentSpec, { data = {}, status = usual }: Answer): KeptAnswer {
  const body = field === undefined ? data : data[field];
  const id = typeof body === 'object' && body !== null && 'id' in body ? String(body.id) : '';
  return { status, headers: location === undefined ? {} : { Location: location + id }, body: JSON.stringify(body) };
}

function dataOf({ field }: IdempotentSpec, body: string): Record<string, unknown> {
  const value = parseObject(body);
  return field === undefined ? value : { [field]: value };
}
