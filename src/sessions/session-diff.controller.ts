import { Get, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { SessionDiffQuery } from './dto/session-diff.dto.js';
import { SessionDiffResponse } from './dto/session-diff.response.js';
import { SessionDiffs } from './session-diffs.service.js';

const EXAMPLE = {
  directory: '/home/me/project',
  base: '1f7a7a472abf3dd9643fd615f6da379c4acb3e3a',
  head: '1f7a7a472abf3dd9643fd615f6da379c4acb3e3a',
  branch: 'main',
  files: [{ path: 'README.md', change: 'modified', additions: 1, deletions: 1, binary: false }],
  patch: 'diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-old\n+new\n',
  truncated: false,
};

@MusterController('sessions', 'sessions')
export class SessionDiffController {
  constructor(private readonly diffs: SessionDiffs) {}

  @Get(':id/diff')
  @Route({
    id: 'getSessionDiff',
    summary: 'What the session changed, as git sees it',
    description:
      'Commits, changes that are not committed and new files that nothing ignores, in the session’s directory; against where its worktree branched off, or the commit that was checked out when its first turn began. The patch is cut off at 1 MiB.',
    permission: 'sessions:read',
    response: { type: SessionDiffResponse, example: EXAMPLE },
    errors: {
      404: ['session_not_found'],
      409: ['not_supported', 'not_a_git_work_tree', 'work_tree_too_large'],
      503: ['git_missing', 'git_failed'],
    },
  })
  async get(@CurrentPrincipal() principal: Principal, @Id() id: string, @Query() { path }: SessionDiffQuery): Promise<SessionDiffResponse> {
    return SessionDiffResponse.of(await this.diffs.of(principal, id, path));
  }
}
