import { Injectable } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from '../config/environment.js';
import { MusterConfig } from '../config/muster-config.js';
import { type AgentProfile, agentProfileSchema } from './agent-profile.types.js';
import { builtInProfiles } from './built-in-profiles.js';

const VARIABLE = 'MUSTER_AGENTS_FILE';
/** Far above any real one, and below what would stall the start. */
const MAX_BYTES = 1024 * 1024;

const agentsFileSchema = z.strictObject({ agents: z.array(z.unknown()) });
const named = z.object({ name: z.string() });

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
export function readAgentsFile(file: string): AgentProfile[] {
  const parsed = agentsFileSchema.safeParse(jsonOf(file));
  if (!parsed.success) throw wrong(file, issuesOf(parsed.error), 'Write {"agents": [{"name": …, "runtime": "acp", "command": [...]}]}.');
  const profiles = parsed.data.agents.map((each, index) => profileOf(file, each, index));
  profiles.forEach(({ name }, index) => {
    const first = profiles.findIndex((each) => each.name === name);
    if (first < index)
      throw wrong(file, `profile "${name}" is there twice (agents[${first}] and agents[${index}])`, 'Remove or rename one of them.');
  });
  return profiles;
}

function jsonOf(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(file, `cannot be read (${messageOf(error)})`, 'Name a JSON file this user can read, or remove the variable.');
  }
  if (text.length > MAX_BYTES) throw wrong(file, 'is larger than 1 MiB', 'Name the JSON file with the agent profiles.');
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw wrong(file, `is not JSON (${syntaxOf(error)})`, 'Correct it there: {"agents": [profile…]}.');
  }
}

function profileOf(file: string, value: unknown, index: number): AgentProfile {
  const result = agentProfileSchema.safeParse(value);
  if (result.success) return result.data;
  const name = named.safeParse(value);
  const which = name.success
    ? `profile ${JSON.stringify(name.data.name.slice(0, 64).toWellFormed())} (agents[${index}])`
    : `agents[${index}]`;
  throw wrong(
    file,
    `${which}: ${issuesOf(result.error)}`,
    `Correct it; the fields of a profile are ${Object.keys(agentProfileSchema.shape).join(', ')}.`,
  );
}

const wrong = (file: string, problem: string, remedy: string): ConfigError => new ConfigError(VARIABLE, `${file}: ${problem}`, remedy);

function issuesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length === 0 ? message : `field ${fieldOf(path)}: ${message}`))
    .join('; ');
}

const fieldOf = (path: readonly PropertyKey[]): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`)).join('');

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

/** Behind the reason Node may quote the text around the place, which may be a secret. */
const syntaxOf = (error: unknown): string => messageOf(error).split(/, (?:\.\.\.)?"/)[0] ?? '';
