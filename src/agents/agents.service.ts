import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { AgentLocator } from './agent-locator.service.js';
import type { AgentFound, AgentProfile } from './agent-profile.types.js';
import { AgentProfiles } from './agent-profiles.js';
import { UnknownAgentError } from './agents.errors.js';

/** The agents of this installation. Everybody who may ask sees all of them. */
@Injectable()
export class AgentsService {
  constructor(
    private readonly profiles: AgentProfiles,
    private readonly locator: AgentLocator,
  ) {}

  /** All profiles, with what is found of each on this host. Takes up to 5 s where versions have to be asked for. */
  list(_principal: Principal): Promise<AgentFound[]> {
    return Promise.all(this.profiles.all().map((profile) => this.locate(profile)));
  }

  /** @throws UnknownAgentError which names the known ones */
  getOrFail(name: string): AgentProfile {
    const profile = this.profiles.find(name);
    if (!profile)
      throw new UnknownAgentError(
        name,
        this.profiles.all().map((each) => each.name),
      );
    return profile;
  }

  isKnown(name: string): boolean {
    return this.profiles.find(name) !== undefined;
  }

  /** Whether the agent's program is on this host, where, and in which version. Never fails. */
  locate(profile: AgentProfile): Promise<AgentFound> {
    return this.locator.locate(profile);
  }
}
