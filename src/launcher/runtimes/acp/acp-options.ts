import type { AgentCapabilities, McpServer } from '@agentclientprotocol/sdk';
import { z } from 'zod';
import type { ContentBlock } from '../../../events/event-payloads.types.js';
import { NotSupportedError } from '../../../sessions/sessions.errors.js';

const conversationOptions = z.object({
  modes: z.array(z.string()),
  currentMode: z.string().nullable(),
  selects: z.array(z.object({ id: z.string(), category: z.string().nullable(), values: z.array(z.string()) })),
});
/** What an agent lets a client choose in a conversation. */
export type ConversationOptions = z.infer<typeof conversationOptions>;

/** What opening a conversation showed. */
export interface AcpConversation {
  readonly capabilities: AgentCapabilities;
  readonly options: ConversationOptions;
}
/** What opening a conversation showed, as it is kept for a later life of this server. */
export const acpConversation = z.object({ capabilities: z.looseObject({}), options: conversationOptions });

/** How a choice is made: by `session/set_mode`, or by setting an option. Null: it is so already. */
export type Choice =
  | { readonly kind: 'mode'; readonly modeId: string }
  | { readonly kind: 'option'; readonly configId: string; readonly value: string }
  | null;

const modeState = z.looseObject({ currentModeId: z.string(), availableModes: z.array(z.looseObject({ id: z.string() })) });
const value = z.looseObject({ value: z.string() });
const group = z.looseObject({ options: z.array(value) });
const select = z.looseObject({
  type: z.literal('select'),
  id: z.string(),
  category: z.string().nullish(),
  options: z.union([z.array(value), z.array(group)]),
});

/** Reads what an agent advertised on opening a conversation; what can't be understood is not offered. */
export function optionsOf({ modes, configOptions }: { modes?: unknown; configOptions?: unknown }): ConversationOptions {
  const state = modeState.safeParse(modes);
  const selects = (Array.isArray(configOptions) ? configOptions : []).flatMap((each: unknown) => {
    const { success, data } = select.safeParse(each);
    if (!success) return [];
    const values = data.options
      .flatMap((option) => ('options' in option ? group.parse(option).options : [value.parse(option)]))
      .map((each) => each.value);
    return [{ id: data.id, category: data.category ?? null, values }];
  });
  return {
    modes: state.data?.availableModes.map(({ id }) => id) ?? [],
    currentMode: state.data?.currentModeId ?? null,
    selects,
  };
}

const modeUpdate = z.looseObject({ sessionUpdate: z.literal('current_mode_update'), currentModeId: z.string() });

/** The mode that an agent says it has changed to; null where it says nothing of that. */
export const modeIn = (update: unknown): string | null => modeUpdate.safeParse(update).data?.currentModeId ?? null;

/** @throws NotSupportedError that says which modes there are */
export function chooseMode(options: ConversationOptions, mode: string): Choice {
  if (options.currentMode === mode) return null;
  if (options.modes.includes(mode)) return { kind: 'mode', modeId: mode };
  return chooseOption(options, 'mode', mode, options.modes);
}

/** @throws NotSupportedError that says which models there are */
export const chooseModel = (options: ConversationOptions, model: string): Choice => chooseOption(options, 'model', model, []);

function chooseOption({ selects }: ConversationOptions, category: 'mode' | 'model', wanted: string, known: readonly string[]): Choice {
  // The category is a hint (ACP); an option with that id is meant too.
  const fitting = selects.filter((each) => each.category === category || (each.category === null && each.id === category));
  const found = fitting.find(({ values }) => values.includes(wanted));
  if (found) return { kind: 'option', configId: found.id, value: wanted };
  const offered = [...new Set([...known, ...fitting.flatMap(({ values }) => values)])];
  throw new NotSupportedError(
    offered.length > 0 ? `The agent has no ${category} ${JSON.stringify(wanted)}.` : `The agent lets nobody choose its ${category}.`,
    {
      remedy: offered.length > 0 ? `It has: ${offered.join(', ')}.` : `Leave the ${category} away.`,
      context: { [category]: wanted, offered },
    },
  );
}

const mcpServer = z.looseObject({ type: z.string().optional(), name: z.string() });

/**
 * The MCP servers of a session, as the agent can use them.
 * @throws NotSupportedError for a transport that the agent does not speak; stdio is for all
 */
export function mcpServersFor(capabilities: AgentCapabilities, servers: readonly unknown[]): McpServer[] {
  return servers.map((server) => {
    const { success, data } = mcpServer.safeParse(server);
    if (!success || !isMcpServer(server))
      throw new NotSupportedError(
        'An MCP server must have a name, and either a command with args and env, or a type (http, sse) with url and headers.',
        {
          context: { name: data?.name },
        },
      );
    const { type } = data;
    if ((type === 'http' || type === 'sse') && capabilities.mcpCapabilities?.[type] !== true)
      throw new NotSupportedError(`The agent reaches no MCP servers over ${type} (${JSON.stringify(data.name)}).`, {
        remedy: 'Use one that is started as a command.',
      });
    return server;
  });
}

const pairs = z.array(z.looseObject({ name: z.string(), value: z.string() }));
const anyServer = z.union([
  z.looseObject({ type: z.enum(['http', 'sse']), name: z.string(), url: z.string(), headers: pairs }),
  z.looseObject({ type: z.undefined().optional(), name: z.string(), command: z.string(), args: z.array(z.string()), env: pairs }),
]);
const isMcpServer = (server: unknown): server is McpServer => anyServer.safeParse(server).success;

/** Kinds of content that a prompt may hold only where the agent says so (ACP, PromptCapabilities). */
const GATES = { image: 'image', audio: 'audio', resource: 'embeddedContext' } as const;

/** The first kind of content that the agent can't take; null where it can take all. */
export function unsupportedContent(capabilities: AgentCapabilities, content: readonly ContentBlock[]): string | null {
  for (const { type } of content) {
    if (type === 'text' || type === 'resource_link') continue;
    if (capabilities.promptCapabilities?.[GATES[type]] !== true) return type;
  }
  return null;
}
