import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { agentProfileSchema } from './agent-profile.types.js';

const BUILT_DEMO = 'demo/demo-agent.main.js';

/** Beside this file where it is compiled; in `dist` where a test runs it from its source. */
const demoProgram = (): string => {
  const beside = resolve(__dirname, BUILT_DEMO);
  return existsSync(beside) ? beside : resolve(__dirname, '../../dist/src/agents', BUILT_DEMO);
};

/**
 * The agents Muster knows by itself; `MUSTER_AGENTS_FILE` replaces any of them by its name. Commands, packages and what each can do
 * were measured with claude-agent-acp 0.100.0, codex-acp 2.6.0, opencode 1.18.33, gemini 0.61.0, qwen 0.24.4 and copilot 1.0.102.
 */
export const builtInProfiles = (): readonly z.input<typeof agentProfileSchema>[] => [
  {
    name: 'demo',
    title: 'Demo agent',
    runtime: 'acp',
    command: [process.execPath, demoProgram()],
    versionCommand: null,
    installHint: 'Comes with Muster: npm run build.',
  },
  {
    name: 'claude-code',
    title: 'Claude Code',
    runtime: 'acp',
    command: ['claude-agent-acp'],
    installHint: 'npm install --global @agentclientprotocol/claude-agent-acp (made for Node 22 and newer)',
  },
  {
    name: 'codex',
    title: 'Codex',
    runtime: 'acp',
    command: ['codex-acp'],
    installHint: 'npm install --global @agentclientprotocol/codex-acp',
  },
  { name: 'opencode', title: 'OpenCode', runtime: 'acp', command: ['opencode', 'acp'], installHint: 'npm install --global opencode-ai' },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    runtime: 'acp',
    command: ['gemini', '--acp'],
    installHint: 'npm install --global @google/gemini-cli',
    // 0.61.0 answers session/load in a new process with "Invalid session identifier".
    capabilities: { resume: false },
  },
  {
    name: 'qwen',
    title: 'Qwen Code',
    runtime: 'acp',
    command: ['qwen', '--acp'],
    installHint: 'npm install --global @qwen-code/qwen-code (made for Node 22 and newer)',
  },
  {
    name: 'copilot',
    title: 'GitHub Copilot CLI',
    runtime: 'acp',
    command: ['copilot', '--acp'],
    installHint: 'npm install --global @github/copilot',
  },
];
