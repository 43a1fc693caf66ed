import { Injectable } from '@nestjs/common';
import { AgentsService } from '../../agents/agents.service.js';
import type { Principal } from '../../auth/principal.types.js';
import { ConfigError } from '../../config/environment.js';
import { MusterConfig } from '../../config/muster-config.js';
import { readDefinitions } from '../../core/definitions-file.js';
import type { PermissionPolicy } from '../session.types.js';
import { UnknownModeError } from '../sessions.errors.js';
import { BUILT_IN_MODES } from './built-in-modes.js';
import { type Mode, modeSchema } from './mode.types.js';

const VARIABLE = 'MUSTER_MODES_FILE';

/** The modes of this installation, read and checked once at start: the built-in ones, and those of `MUSTER_MODES_FILE`. */
@Injectable()
export class Modes {
  private readonly byId: ReadonlyMap<string, Mode>;

  /** @throws ConfigError */
  constructor({ modesFile }: MusterConfig, agents: AgentsService) {
    const own = modesFile === undefined ? [] : readModesFile(modesFile);
    for (const { id, agent } of own)
      if (agent !== undefined && !agents.isKnown(agent))
        throw new ConfigError(
          VARIABLE,
          `${modesFile}: mode "${id}": field agent: there is no agent profile ${JSON.stringify(agent)}`,
          'Name one of GET /api/agents, or add it to MUSTER_AGENTS_FILE.',
        );
    this.byId = new Map([...BUILT_IN_MODES, ...own].map((mode) => [mode.id, mode]));
  }

  /** The built-in ones first, replaced in their place; then those of the file in its order. Everybody who may ask sees all. */
  list(_principal: Principal): readonly Mode[] {
    return [...this.byId.values()];
  }

  /** @throws UnknownModeError which names the known ones */
  getOrFail(id: string): Mode {
    const mode = this.byId.get(id);
    if (!mode) throw new UnknownModeError(id, [...this.byId.keys()]);
    return mode;
  }
}

/** The policy of a session: as asked for, else as its mode says, else `fallback`; where nobody can be asked, its mode decides. */
export function policyIn(mode: Mode | null, asked: PermissionPolicy | undefined, fallback: PermissionPolicy): PermissionPolicy {
  const own = mode?.policy ?? (mode?.supportsHitl === false ? 'deny' : fallback);
  if (asked === undefined || (asked === 'ask' && mode?.supportsHitl === false)) return own;
  return asked;
}

const readModesFile = (file: string): Mode[] =>
  readDefinitions(file, {
    variable: VARIABLE,
    list: 'modes',
    noun: 'mode',
    plural: 'modes',
    key: 'id',
    example: '{"id": …, "label": …, "supportsResume": true, "supportsHitl": true}',
    schema: modeSchema,
  });
