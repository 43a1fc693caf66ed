import { z } from 'zod';

/** NUL ends a string of the kernel: no program could get it. */
const kernelText = z.string().regex(/^[^\0]*$/, 'must hold no NUL');
/** Found on the PATH, or absolute: a relative one would be looked for in the workspace. Never given to a shell. */
const command = z
  .array(kernelText)
  .min(1, 'needs a program')
  .refine(([program = '']) => program !== '' && (!program.includes('/') || program.startsWith('/')), {
    error: 'the program must be a name without "/", or an absolute path',
    path: [0],
  });

/** What a person can expect of an agent before it is started. What it says of itself once it runs has the last word. */
const capabilities = z.strictObject({
  /** A turn under way can be cancelled. */
  interrupt: z.boolean().optional(),
  /** It can go on with an earlier conversation of its own. */
  resume: z.boolean().optional(),
  /** It asks before it does what its permissions do not cover. */
  approvals: z.boolean().optional(),
});
export type AgentCapabilities = Required<z.infer<typeof capabilities>>;

/** How to start a coding agent. The command comes from here and never from a request. */
export const agentProfileSchema = z.strictObject({
  /** The name sessions use. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be lower-case letters, digits and . _ -, at most 64'),
  /** How it is driven. `process` runs the command once a turn, with the prompt in place of `{prompt}` or on stdin. */
  runtime: z.enum(['acp', 'process']),
  /** Program and arguments; never given to a shell. */
  command,
  /** Variables on top of the allow-list. */
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of a variable'), kernelText).default({}),
  /** Shown to people. */
  title: z.string().min(1).max(128).optional(),
  /** Prints its version; absent: `<program> --version`. `null`: not asked. */
  versionCommand: command.nullable().optional(),
  /** What to do where it is not found. */
  installHint: z.string().max(500).optional(),
  /** For `process`: what its stdout lines are. */
  output: z.enum(['text', 'claude-stream-json', 'codex-json']).default('text'),
  /** Where it differs from others of its runtime. */
  capabilities: capabilities.optional(),
});
export type AgentProfile = z.infer<typeof agentProfileSchema>;

/** What is known of an agent on this host. */
export interface AgentFound {
  readonly profile: AgentProfile;
  readonly isFound: boolean;
  /** The program's real place, where found. */
  readonly path: string | null;
  readonly version: string | null;
}

const RUNTIME_CAPABILITIES: Readonly<Record<AgentProfile['runtime'], AgentCapabilities>> = {
  acp: { interrupt: true, resume: true, approvals: true },
  process: { interrupt: true, resume: false, approvals: false },
};

export const capabilitiesOf = ({ runtime, capabilities: own }: AgentProfile): AgentCapabilities => ({
  ...RUNTIME_CAPABILITIES[runtime],
  ...own,
});
