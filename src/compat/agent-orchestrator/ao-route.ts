import { Route, type RouteOptions } from '../../auth/route.decorator.js';
import { AoErrorResponse } from './dto/ao.response.js';

/** A route of the contract: its failures are FastAPI's. */
export const AoRoute = (options: Omit<RouteOptions, 'failure'>): MethodDecorator =>
  Route({ ...options, failure: { type: AoErrorResponse, example: { detail: 'What is wrong, for people.' }, invalid: 422 } });

export const AO_SESSION_EXAMPLE = {
  session_id: 'test-123',
  session_name: 'test',
  status: 'running',
  created_at: '2026-11-20T14:00:00.000000+00:00',
  project_dir: '/tmp',
  agent_name: null,
  last_resumed_at: null,
};

export const AO_EVENT_EXAMPLE = {
  event_type: 'message',
  session_id: 'test-123',
  session_name: 'test',
  timestamp: '2024-01-01T00:00:00Z',
  role: 'assistant',
  content: [{ type: 'text', text: 'Hello' }],
};

export const AO_EVENTS_EXAMPLE = {
  events: [
    {
      id: 2,
      session_id: 'test-123',
      event_type: 'message',
      timestamp: '2024-01-01T00:00:00Z',
      tool_name: null,
      tool_input: null,
      tool_output: null,
      error: null,
      exit_code: null,
      reason: null,
      role: 'assistant',
      content: [{ type: 'text', text: 'Hello' }],
    },
  ],
};

export const NO_SESSION = { 404: ['session_not_found'] } as const;
