import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoAgent } from '../demo-agent.js';
import { DemoClient } from './demo-client.js';

/** A demo agent in this process with a client, a folder to work in and one for its conversations. */
export class DemoBench {
  readonly top = realpathSync(mkdtempSync(join(tmpdir(), 'demo-agent-')));
  readonly cwd = join(this.top, 'work');
  agent: DemoAgent;
  client: DemoClient;
  /** The codes with which the agent asked for the end of its process. */
  exits: number[];

  constructor() {
    mkdirSync(this.cwd);
  }

  /** A new agent on the same conversations, as a new process would be one. */
  async restart() {
    this.exits = [];
    this.agent = new DemoAgent({ home: join(this.top, 'home'), exit: (code) => void this.exits.push(code) });
    this.client = new DemoClient(this.agent.app());
    return this.client.initialize();
  }

  newSession(): Promise<string> {
    return this.client.newSession(this.cwd);
  }

  /** What a file of the session's folder holds; empty where there is none. */
  textOf(name: string): string {
    const file = join(this.cwd, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  close(): void {
    this.agent.stop();
    rmSync(this.top, { recursive: true });
  }
}
