import type { ApprovalResponse } from './approval.response.js';

export const APPROVAL_EXAMPLE: ApprovalResponse = {
  id: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e:12',
  sessionId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  turn: 1,
  kind: 'execute',
  title: 'Run npm test',
  toolCallId: 'call_1',
  detail: { toolCallId: 'call_1', title: 'Run npm test', kind: 'execute', rawInput: { command: 'npm test' } },
  options: [
    { optionId: 'allow_once', name: 'Allow once', kind: 'allow_once' },
    { optionId: 'reject_once', name: 'Reject', kind: 'reject_once' },
  ],
  takesEdits: false,
  status: 'pending',
  decision: null,
  decidedBy: null,
  decidedAt: null,
  reason: null,
  expiresAt: '2026-11-21T14:00:00.000Z',
  createdAt: '2026-11-20T14:00:00.000Z',
  deliveredAt: null,
};
