import type { RateLimits } from '../../auth/rate-limits.service.js';
import type { RateUse } from '../../auth/rate-limits.types.js';
import { appendUse } from '../../events/event-log.types.js';
import { creationUse } from '../../sessions/session.types.js';
import type { Command } from './command.js';
import { type CommandSpec, PING, SESSION_RESUME } from './command-specs.js';

/** A command that takes of the same limits as its route over HTTP, before anything is done. */
export const limited = (command: Command, limits: RateLimits): Command => ({
  spec: command.spec,
  prepare: async (fields) => {
    const prepared = await command.prepare(fields);
    const { class: rateClass, cost } = useOf(command.spec, fields);
    return {
      ...prepared,
      run: async (context) => {
        await limits.take(context.principal, rateClass, cost);
        return prepared.run(context);
      },
    };
  },
});

function useOf({ type, permission }: CommandSpec, fields: Readonly<Record<string, unknown>>): RateUse {
  if (type === PING.type) return { class: 'none' };
  if (type === SESSION_RESUME.type) return { class: 'launch' };
  if (permission === 'events:append') return appendUse(fields);
  if (permission === 'sessions:create') return creationUse(fields);
  return { class: permission.endsWith(':read') ? 'read' : 'write' };
}
