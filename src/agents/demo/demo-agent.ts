import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { agent, AgentApp, ContentBlock, InitializeResponse, methods, PROTOCOL_VERSION, RequestError } from '@agentclientprotocol/sdk';
import { newId } from '../../core/ids.js';
import { Conversation } from './conversation.js';
import { ConversationStore } from './conversation.store.js';
import { DemoPrompt, DemoSession, SessionSurroundings } from './demo-session.js';
import { CommandRunner } from './shell-command.js';

/** How to make a demo agent. */
export interface DemoAgentOptions {
  /** Folder of the conversations. */
  readonly home: string;
  /** Ends the process, for the directive `exit:`. */
  readonly exit: (code: number) => void;
}

const INITIALIZED: InitializeResponse = {
  protocolVersion: PROTOCOL_VERSION,
  agentInfo: { name: 'muster-demo', title: 'Muster demo agent', version: '1.0.0' },
  authMethods: [],
  agentCapabilities: {
    loadSession: true,
    promptCapabilities: { image: false, audio: false, embeddedContext: false },
    sessionCapabilities: { resume: {}, close: {} },
  },
};

/**
 * A small real agent that speaks ACP and needs no model and no account: prompts are directives, one a line (see `parsePrompt`).
 * Several sessions may run in one agent.
 */
export class DemoAgent {
  private readonly sessions = new Map<string, DemoSession>();
  private readonly commands = new CommandRunner();
  private readonly store: ConversationStore;
  private readonly surroundings: SessionSurroundings;

  constructor(options: DemoAgentOptions) {
    this.store = new ConversationStore(options.home);
    this.surroundings = { commands: this.commands, exit: options.exit };
  }

  /**
   * The ACP application, to be connected to a stream. The SDK walks its handlers in the order of their registration, an await each:
   * `prompt` stands before `cancel`, so that a cancellation right behind its prompt does not overtake it.
   */
  app(): AgentApp {
    const { session } = methods.agent;
    return agent({ name: 'muster-demo' })
      .onRequest(methods.agent.initialize, () => INITIALIZED)
      .onRequest(session.prompt, async ({ params, client, signal }) => {
        const stopReason = await this.get(params.sessionId).prompt(promptOf(params.prompt), client, signal);
        return { stopReason };
      })
      .onNotification(session.cancel, ({ params }) => this.sessions.get(params.sessionId)?.cancel())
      .onRequest(session.new, ({ params }) => this.begin(params.cwd))
      .onRequest(session.load, async ({ params, client }) => {
        const loaded = this.open(params.sessionId, params.cwd);
        await loaded.replay(client);
        return { modes: loaded.modes };
      })
      .onRequest(session.resume, ({ params }) => ({ modes: this.open(params.sessionId, params.cwd).modes }))
      .onRequest(session.setMode, ({ params }) => this.get(params.sessionId).setMode(params.modeId))
      .onRequest(session.close, ({ params }) => this.close(params.sessionId));
  }

  /** Ends all running commands at once, for a process that is about to end itself. */
  stop(): void {
    this.commands.killAll();
  }

  private begin(cwd: string) {
    checkFolder(cwd);
    const sessionId = newId();
    const session = new DemoSession(Conversation.begin(this.store, sessionId, cwd), cwd, this.surroundings);
    this.sessions.set(sessionId, session);
    return { sessionId, modes: session.modes };
  }

  /** Opens an earlier conversation, in place of the session of that id if one is open. */
  private open(sessionId: string, cwd: string): DemoSession {
    checkFolder(cwd);
    if (this.sessions.get(sessionId)?.isBusy)
      throw RequestError.invalidRequest({ sessionId }, `session ${sessionId} is busy with a prompt`);
    const conversation = Conversation.find(this.store, sessionId);
    if (!conversation) throw RequestError.sessionNotFound(sessionId);
    const session = new DemoSession(conversation, cwd, this.surroundings);
    this.sessions.set(sessionId, session);
    return session;
  }

  private close(sessionId: string): void {
    this.get(sessionId).cancel();
    this.sessions.delete(sessionId);
  }

  private get(sessionId: string): DemoSession {
    const session = this.sessions.get(sessionId);
    if (!session) throw RequestError.sessionNotFound(sessionId);
    return session;
  }
}

function checkFolder(cwd: string): void {
  const isFolder = isAbsolute(cwd) && statSync(cwd, { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder) throw RequestError.invalidParams({ cwd }, `cwd must be the absolute path of a folder, not ${JSON.stringify(cwd)}`);
}

/** A block for the assistant's ears only holds no directives: https://agentclientprotocol.com/protocol/content */
function promptOf(prompt: readonly ContentBlock[]): DemoPrompt {
  const textOf = (isContext: boolean) =>
    prompt.flatMap((block) => (block.type === 'text' && isForAssistant(block) === isContext ? [block.text] : [])).join('\n');
  return { text: textOf(false), context: textOf(true) };
}

const isForAssistant = ({ annotations }: ContentBlock): boolean =>
  annotations?.audience?.length === 1 && annotations.audience[0] === 'assistant';
