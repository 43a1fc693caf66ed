import type { Mode } from '../modes/mode.types.js';

/** A way of working that a session can be started in. */
export class ModeResponse {
  /** @example 'copilot' */
  id: string;
  /** @example 'Copilot' */
  label: string;
  /** @example 'Interactive multi-agent assistant with flexible routing' */
  description: string;
  /** Whether a session of it can be suspended and resumed. Without it a success completes the session. @example true */
  supportsResume: boolean;
  /** Whether people can be asked. Without it the policy decides at once. @example true */
  supportsHitl: boolean;
  /** The agent profile of its sessions where none is asked for. */
  agent?: string;
  /** What the agent is told before the first prompt. */
  preamble?: string;
  /** The policy of its sessions where none is asked for. */
  policy?: string;

  static of({ id, label, description, supportsResume, supportsHitl, agent, preamble, policy }: Mode): ModeResponse {
    return {
      id,
      label,
      description,
      supportsResume,
      supportsHitl,
      ...(agent === undefined ? {} : { agent }),
      ...(preamble === undefined ? {} : { preamble }),
      ...(policy === undefined ? {} : { policy }),
    };
  }
}

export class ModeListResponse {
  /** The built-in ones first, then those of this installation. */
  items: ModeResponse[];
}
