import { type AgentFound, capabilitiesOf } from '../agent-profile.types.js';

/** What can be expected of an agent; what it says of itself once it runs has the last word. */
export class AgentCapabilitiesResponse {
  /** A turn under way can be cancelled. @example true */
  interrupt: boolean;
  /** It can go on with an earlier conversation of its own. @example true */
  resume: boolean;
  /** It asks before it does what its permissions do not cover. @example true */
  approvals: boolean;
}

/** An agent profile, and what is found of it on this host. */
export class AgentResponse {
  /** What sessions name it by. @example 'demo' */
  name: string;
  /** @example 'Demo agent' */
  title: string;
  /** How it is driven: `acp` or `process`. @example 'acp' */
  runtime: string;
  /** Its program is on the PATH that it would get. @example true */
  isFound: boolean;
  /** As it says itself; null where it was not asked or did not answer in time. @example '2.6.0' */
  version: string | null;
  /** Where its program is. @example '/usr/local/bin/codex-acp' */
  path?: string;
  capabilities: AgentCapabilitiesResponse;
  /** How to get it. @example 'npm install --global @agentclientprotocol/codex-acp' */
  installHint?: string;

  static of({ profile, isFound, path, version }: AgentFound): AgentResponse {
    const { name, title = name, runtime, installHint } = profile;
    return {
      name,
      title,
      runtime,
      isFound,
      version,
      ...(path === null ? {} : { path }),
      capabilities: capabilitiesOf(profile),
      ...(installHint === undefined ? {} : { installHint }),
    };
  }
}

export class AgentListResponse {
  items: AgentResponse[];
}
