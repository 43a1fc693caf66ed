import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { DomainError } from '../core/errors/domain.error.js';
import { Repositories } from '../workspaces/git/repositories.service.js';
import { type Comparison, Snapshots } from '../workspaces/git/snapshots.service.js';
import type { SessionTreeEntity } from './persistence/session-tree.entity.js';
import { SessionTreesRepository } from './persistence/session-trees.repository.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { isLive } from './session.state.js';

/** What a look at a directory may take: a turn waits for it, at its begin and at its end. */
const LOOK_MS = 5_000;
/** For how long no turn waits for a directory that took longer. */
const SLOW_FOR_MS = 600_000;
const MAX_PATCH_BYTES = 1024 * 1024;

/** What sessions' directories were when their turns began, where they are git work trees. */
@Injectable()
export class SessionTrees implements OnApplicationBootstrap {
  private readonly logger = new Logger(SessionTrees.name);
  /** Directories that took too long, with the time until which they are left alone. */
  private readonly slow = new Map<string, number>();

  constructor(
    private readonly sessions: SessionsRepository,
    private readonly trees: SessionTreesRepository,
    private readonly repositories: Repositories,
    private readonly snapshots: Snapshots,
    private readonly unit: UnitOfWork,
    private readonly config: MusterConfig,
  ) {}

  /** What turns left behind that nobody will end any more. */
  async onApplicationBootstrap(): Promise<void> {
    if (!existsSync(this.config.snapshotsDir)) return;
    for (const name of await readdir(this.config.snapshotsDir)) {
      const session = await this.sessions.find(name);
      if (!session || !isLive(session.status)) await this.snapshots.discard(this.storeOf(name));
    }
  }

  /** The first look at a session's directory; null where there was none. */
  startOf(sessionId: string): Promise<SessionTreeEntity | null> {
    return this.trees.find(sessionId);
  }

  /** Notes what the directory of a session is. A turn that is taken up again has been noted already. */
  async turnBegins(sessionId: string, turn: number): Promise<void> {
    const [session, known] = [await this.sessions.find(sessionId), await this.trees.find(sessionId)];
    if (!session || known?.turn === turn || !this.repositories.mayBeIn(session.projectDir)) return;
    const store = this.storeOf(sessionId);
    await this.snapshots.discard(store);
    const found = await this.look(session.projectDir, async () => {
      const repository = await this.repositories.open(session.projectDir);
      return { head: repository.head, tree: () => this.snapshots.take(repository, store, LOOK_MS) };
    });
    const tree = found ? await this.look(session.projectDir, found.tree) : null;
    await this.unit.run(async () => {
      // Deleted meanwhile: nothing of it is to stay.
      if ((await this.sessions.find(sessionId)) === null) return;
      if (known) await this.trees.update(sessionId, { turn, tree });
      else if (found) await this.trees.add({ sessionId, head: found.head, turn, tree });
    });
  }

  /** What a turn changed in the directory of its session; null where nothing is known. */
  async turnEnds(sessionId: string, turn: number): Promise<Comparison | null> {
    const store = this.storeOf(sessionId);
    try {
      const [session, known] = [await this.sessions.find(sessionId), await this.trees.find(sessionId)];
      if (!session || known?.turn !== turn || known.tree === null) return null;
      const { tree } = known;
      return await this.look(session.projectDir, async () => {
        const end = performance.now() + LOOK_MS;
        const repository = await this.repositories.open(session.projectDir);
        const now = await this.snapshots.take(repository, store, LOOK_MS);
        if (now === tree) return null;
        const timeoutMs = Math.max(1, end - performance.now());
        return this.snapshots.compare(repository, store, [tree, now], { maxPatchBytes: MAX_PATCH_BYTES, timeoutMs });
      });
    } finally {
      await this.snapshots.discard(store);
    }
  }

  /** Null where git can't tell, or takes too long; the log tells why. */
  private async look<T>(directory: string, act: () => Promise<T>): Promise<T | null> {
    const begin = performance.now();
    if ((this.slow.get(directory) ?? 0) > begin) return null;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (performance.now() - begin >= LOOK_MS) this.slow.set(directory, performance.now() + SLOW_FOR_MS);
      this.logger.log({ msg: 'what turns change in a directory is not told', directory, reason: error.message });
      return null;
    }
  }

  private storeOf(name: string): string {
    return join(this.config.snapshotsDir, name);
  }
}
