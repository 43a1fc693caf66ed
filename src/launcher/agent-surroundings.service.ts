import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { ServerAddress } from '../core/http/server-address.js';
import { NodeIdentity } from '../core/node-identity.js';

/** The variable by which a process that this server started is known, whatever became of its parents. */
export const NODE_VARIABLE = 'MUSTER_NODE_ID';

/** What every agent gets, whichever its session. */
@Injectable()
export class AgentSurroundings {
  constructor(
    private readonly config: MusterConfig,
    private readonly address: ServerAddress,
    private readonly node: NodeIdentity,
  ) {}

  /** The allow-listed part of this server's own environment. */
  get inherited(): Readonly<Record<string, string>> {
    return this.config.inheritedAgentEnv;
  }

  get own(): Readonly<Record<string, string>> {
    return { MUSTER_URL: this.address.publicUrl, [NODE_VARIABLE]: this.node.id };
  }
}
