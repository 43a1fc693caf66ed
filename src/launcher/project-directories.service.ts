import { Injectable, Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { SYSTEM } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { isUnavailable } from '../core/errors/domain.error.js';
import { Shutdown } from '../core/shutdown.js';
import type { EventDraft } from '../events/event-log.types.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionTrees } from '../sessions/session-trees.service.js';
import type { ChangedFile } from '../workspaces/git/git.types.js';
import { splitPatch } from '../workspaces/git/git-output.js';
import type { Comparison } from '../workspaces/git/snapshots.service.js';
import { PathRules } from '../workspaces/path-rules.js';
import { Worktrees } from '../workspaces/worktrees.service.js';
import { ProjectDirectoryError } from './launcher.errors.js';
import { SessionRecorder } from './session-recorder.service.js';

const MAX_FILES = 200;
/** Characters of one file's diff. A longer one is told without it: `GET /api/sessions/:id/diff` has it. */
const MAX_DIFF = 32_000;

/** The directories that agents work in: made where they are worktrees, checked, and looked at before and after each turn. */
@Injectable()
export class ProjectDirectories {
  private readonly logger = new Logger(ProjectDirectories.name);

  constructor(
    private readonly paths: PathRules,
    private readonly worktrees: Worktrees,
    private readonly trees: SessionTrees,
    private readonly recorder: SessionRecorder,
    private readonly clock: Clock,
    private readonly shutdown: Shutdown,
  ) {}

  /** @throws ProjectDirectoryError, PathError, and where a worktree can't be made NotAWorkTreeError, BranchExistsError, GitFailedError */
  async prepare(session: SessionEntity): Promise<void> {
    const { projectDir } = session;
    const worktree = await this.worktrees.of(session);
    if (worktree) await this.worktrees.make(worktree, this.clock.nowIso());
    if (!statSync(projectDir, { throwIfNoEntry: false })?.isDirectory()) throw new ProjectDirectoryError(projectDir);
    // Between its creation and now a part of the path may have become a link to somewhere else.
    await this.paths.assertStill(projectDir);
  }

  /**
   * Runs a turn, and writes what it changed before its end is written, a second time nothing; on the way down nobody waits for it. Fails
   * only with the turn; each look at the directory takes a few seconds at most.
   */
  async during<T>(sessionId: string, turn: number, act: () => Promise<T>): Promise<T> {
    await this.trees.turnBegins(sessionId, turn).catch((error: unknown) => this.complain(sessionId, error));
    const outcome = await act();
    if (!this.shutdown.signal.aborted) await this.tell(sessionId, turn).catch((error: unknown) => this.complain(sessionId, error));
    return outcome;
  }

  private async tell(sessionId: string, turn: number): Promise<void> {
    const changes = await this.trees.turnEnds(sessionId, turn);
    if (changes)
      await this.recorder.record(
        sessionId,
        draftsOf(turn, changes).map((draft) => ({ draft })),
      );
  }

  private complain(sessionId: string, error: unknown): void {
    const level = isUnavailable(error) ? 'warn' : 'error';
    this.logger[level]({ msg: 'what a turn changed could not be told', sessionId, err: error });
  }
}

function draftsOf(turn: number, { files, patch, isTruncated }: Comparison): EventDraft[] {
  const diffs = splitPatch(patch);
  // Of a patch that was cut off the last part may not be whole.
  if (isTruncated) diffs.pop();
  const common = { turn, source: 'system', actor: SYSTEM.id } as const;
  const told = files.slice(0, MAX_FILES).map((file, index) => ({
    ...common,
    id: `file-change-${turn}-${hashOf(file.path)}`,
    type: 'file_change',
    payload: { ...factsOf(file), ...shownDiff(diffs[index]) },
  }));
  const untold = files.length - told.length;
  if (untold === 0 && !isTruncated) return told;
  const text =
    untold === 0 ? 'the turn changed too much to show all of it' : `the turn changed ${untold} more file(s), which are not told one by one`;
  return [...told, { ...common, id: `file-change-${turn}-more`, type: 'log', payload: { level: 'info', text } }];
}

const factsOf = ({ path, change, oldPath, additions, deletions, binary }: ChangedFile) => ({
  path,
  change,
  ...(oldPath === undefined ? {} : { oldPath }),
  ...(binary ? { binary } : { additions, deletions }),
});

const shownDiff = (diff: string | undefined) => (diff === undefined || diff.length > MAX_DIFF ? {} : { diff });

const hashOf = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 32);
