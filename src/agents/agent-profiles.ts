import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { readDefinitions } from '../core/definitions-file.js';
import { type AgentProfile, agentProfileSchema } from './agent-profile.types.js';
import { builtInProfiles } from './built-in-profiles.js';

/** The agent profiles of this installation, read and checked once at start: the built-in ones, and those of `MUSTER_AGENTS_FILE`. */
@Injectable()
export class AgentProfiles {
  private readonly byName: ReadonlyMap<string, AgentProfile>;

  /** @throws ConfigError */
  constructor({ agentsFile }: MusterConfig) {
    const builtIn = builtInProfiles().map((profile) => agentProfileSchema.parse(profile));
    const own = agentsFile === undefined ? [] : readAgentsFile(agentsFile);
    this.byName = new Map([...builtIn, ...own].map((profile) => [profile.name, profile]));
  }

  /** The built-in ones first, replaced in their place; then those of the file in its order. */
  all(): readonly AgentProfile[] {
    return [...this.byName.values()];
  }

  find(name: string): AgentProfile | undefined {
    return this.byName.get(name);
  }
}

/** @throws ConfigError that names file, profile and field, and never a value: `env` may hold secrets */
export const readAgentsFile = (file: string): AgentProfile[] =>
  readDefinitions(file, {
    variable: 'MUSTER_AGENTS_FILE',
    list: 'agents',
    noun: 'profile',
    plural: 'agent profiles',
    key: 'name',
    example: '{"name": …, "runtime": "acp", "command": [...]}',
    schema: agentProfileSchema,
  });
