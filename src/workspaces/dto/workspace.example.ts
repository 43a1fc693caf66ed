/** The workspace that the examples of the API document show. */
export const WORKSPACE_EXAMPLE = {
  id: '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c',
  name: 'project',
  path: '/home/me/project',
  maxActiveSessions: null,
  retention: null,
  metadata: {},
  ownerId: 'admin',
  createdAt: '2026-11-20T14:00:00.000Z',
  updatedAt: '2026-11-20T14:00:00.000Z',
  version: 1,
} as const;
