import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Things of somebody that requests are aimed at. */
export interface Target {
  /** Stands in every name and text of it, and nowhere else. */
  readonly marker: string;
  readonly workspaceId: string;
  readonly sessionId: string;
  /** Of workspace and session. */
  readonly name: string;
  readonly keyId: string;
  /** Content that its session holds. */
  readonly sha256: string;
  /** A question that the session waits for. */
  readonly approvalId: string;
  readonly memberId: string;
  /** Below it new directories are made. */
  readonly directory: string;
}

export interface DocumentedRoute {
  readonly id: string;
  readonly method: string;
  /** With `{parameters}`. */
  readonly template: string;
  readonly permission: string | undefined;
  readonly isPublic: boolean;
  readonly statuses: readonly number[];
  /** One for each example; `[undefined]` where it takes none. */
  readonly bodies: readonly unknown[];
}

export interface DocumentedFrame {
  readonly type: string;
  readonly permission: string;
  /** JSON schemas of its forms. */
  readonly forms: readonly FrameForm[];
}

interface FrameForm {
  readonly properties: Readonly<Record<string, { const?: unknown }>>;
  readonly required: readonly string[];
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace'];

/** Every operation of an OpenAPI document. */
export function documentedRoutes(document: any): DocumentedRoute[] {
  return Object.entries<any>(document.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method]).map((method): DocumentedRoute => {
      const operation = item[method];
      const examples = operation.requestBody?.content?.['application/json']?.examples;
      if (operation.requestBody && !examples) throw new Error(`${method} ${template} takes a body and shows no example of it.`);
      return {
        id: operation.operationId,
        method: method.toUpperCase(),
        template,
        permission: operation['x-permission'],
        isPublic: Array.isArray(operation.security) && operation.security.length === 0,
        statuses: Object.keys(operation.responses).map(Number),
        bodies: examples ? Object.values<any>(examples).map(({ value }) => value) : [undefined],
      };
    }),
  );
}

/** Every frame that clients send, of an AsyncAPI document. */
export function documentedFrames(document: any): DocumentedFrame[] {
  return Object.values<any>(document.operations)
    .filter(({ action }) => action === 'receive')
    .map((operation) => {
      const type = operation.messages[0].$ref.split('/').at(-1);
      const schema = document.components.schemas[`request.${type}`];
      return { type, permission: operation['x-permission'], forms: schema.anyOf ?? [schema] };
    });
}

/** What stands for a path parameter, by the template up to it. A route whose parameter is not here fails the tests. */
const PARAMETERS: Readonly<Record<string, (target: Target) => string>> = {
  '/api/workspaces/{id}': ({ workspaceId }) => workspaceId,
  '/api/workspaces/{id}/members/{principalId}': ({ memberId }) => encodeURIComponent(memberId),
  // No process has it: a pid is below 2^22 (proc(5)).
  '/api/agents/orphans/{pid}': () => '4194305',
  '/api/sessions/{id}': ({ sessionId }) => sessionId,
  '/api/sessions/{id}/blobs/{sha256}': ({ sha256 }) => sha256,
  '/api/keys/{id}': ({ keyId }) => keyId,
  '/api/hooks/{agent}': () => 'claude-code',
  '/api/approvals/{id}': ({ approvalId }) => approvalId,
  '/compat/agent-orchestrator/sessions/{id}': ({ sessionId }) => sessionId,
  '/compat/agent-orchestrator/sessions/by-name/{name}': ({ name }) => name,
  '/compat/agent-orchestrator/events/{id}': ({ sessionId }) => sessionId,
};

/** The path of a route, segment by segment; `isLiteral` where it is of the template. @throws Error where a parameter is unknown */
export function segmentsOf({ method, template }: DocumentedRoute, target: Target): { text: string; isLiteral: boolean }[] {
  const parts = template.split('/').slice(1);
  return parts.map((part, index) => {
    if (!part.startsWith('{')) return { text: part, isLiteral: true };
    const fill = PARAMETERS[`/${parts.slice(0, index + 1).join('/')}`];
    if (!fill) throw new Error(`${method} ${template}: nothing is known to put in place of ${part}; add it to PARAMETERS.`);
    return { text: fill(target), isLiteral: false };
  });
}

/** Queries of routes that do not answer without one, by operation id. */
const QUERIES: Readonly<Record<string, string>> = { login: '?code=nonsense' };

export const queryOf = ({ id }: DocumentedRoute): string => QUERIES[id] ?? '';

export const hasParameters = ({ template }: DocumentedRoute): boolean => template.includes('{');

/** Whether a body names something of the target. */
export const namesTarget = (body: unknown, { workspaceId, sessionId }: Target): boolean => {
  const text = JSON.stringify(body ?? null);
  return text.includes(workspaceId) || text.includes(sessionId);
};

let made = 0;

/** An example with the ids of the target in place of those it shows. */
export function filled(example: unknown, target: Target): unknown {
  if (typeof example !== 'object' || example === null || Array.isArray(example)) return example;
  return Object.fromEntries(
    Object.entries(example).map(([key, value]) => {
      if (key === 'workspaceId') return [key, target.workspaceId];
      if (key === 'workspaceIds') return [key, [target.workspaceId]];
      if (key === 'sessionId' || key === 'parentId') return [key, target.sessionId];
      // An event is of a session that is there; a session is made under an id of its own.
      if (key === 'session_id') return [key, 'event_type' in example ? target.sessionId : `external-${++made}`];
      if (key === 'externalId') return [key, `external-${++made}`];
      if (key === 'path' || key === 'projectDir') return [key, newDirectory(target)];
      return [key, value];
    }),
  );
}

function newDirectory({ directory }: Target): string {
  const path = join(directory, `made-${++made}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** What stands for a field of a frame. A frame that needs another one fails the tests. */
const FIELDS: Readonly<Record<string, (target: Target) => unknown>> = {
  sessionId: ({ sessionId }) => sessionId,
  workspaceId: ({ workspaceId }) => workspaceId,
  subscription: () => 's1',
  approvalId: ({ approvalId }) => approvalId,
  optionId: () => 'allow_once',
  events: ({ marker }) => [{ type: 'log', payload: { level: 'info', text: marker } }],
  content: () => 'say:hello',
  token: () => 'mst_pat_nobody',
};
/** Filled in also where a frame does without, so that it is aimed at something. */
const AIMED: readonly string[] = ['sessionId', 'workspaceId', 'approvalId'];

/** A frame of this form, without `id`. @throws Error where a required field is unknown */
export function frameOf(type: string, { properties, required }: FrameForm, target: Target): { type: string; [field: string]: unknown } {
  const wanted = [...new Set([...required, ...AIMED.filter((name) => properties[name])])].filter(
    (name) => name !== 'type' && name !== 'id',
  );
  const fields = wanted.map((name) => {
    const constant = properties[name]?.const;
    if (constant !== undefined) return [name, constant];
    const fill = FIELDS[name];
    if (!fill) throw new Error(`The frame ${type} needs ${name}, which nothing is known for; add it to FIELDS.`);
    return [name, fill(target)];
  });
  // Somebody else runs the agent of a session that is only reported: none is started here.
  const external = type === 'session.create' ? { runtime: 'external' } : {};
  return { ...external, ...Object.fromEntries(fields), type };
}
