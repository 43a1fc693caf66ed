/* eslint no-restricted-syntax: off -- a program of its own: it is started by the launcher and has no config module */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { ndJsonStream } from '@agentclientprotocol/sdk';
import { DemoAgent } from './demo-agent.js';

/** DEMO_AGENT_HOME, else a folder below the user's state directory, else one in the home directory. */
function conversationFolder(): string {
  const { DEMO_AGENT_HOME, XDG_STATE_HOME, HOME } = process.env;
  if (DEMO_AGENT_HOME) return DEMO_AGENT_HOME;
  return XDG_STATE_HOME ? join(XDG_STATE_HOME, 'muster-demo-agent') : join(HOME || homedir(), '.muster-demo-agent');
}

/** Serves ACP on standard input and output until the input ends or a signal comes; running commands end with it. */
function main(): void {
  const demoAgent = new DemoAgent({
    home: conversationFolder(),
    exit: (code) => {
      process.stderr.write(`demo agent: exit ${code}\n`);
      end(code);
    },
  });
  const end = (code: number): void => {
    demoAgent.stop();
    process.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => end(0));
  const connection = demoAgent.app().connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
  void connection.closed.then(() => end(0));
}

main();
