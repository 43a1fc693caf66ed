import type { MigrationInterface, QueryRunner } from 'typeorm';
import { id, integer, optional, primary, table, text, time, varchar } from './tables.js';

/** Git worktrees of sessions, and what their directories were when they began and when their turns did. */
export class Worktrees1795276800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      table(
        'worktrees',
        {
          id: id(primary),
          workspaceId: id(optional),
          ownerId: varchar(128),
          repository: text(),
          path: text(),
          projectDir: text(),
          branch: varchar(255),
          base: varchar(255, optional),
          baseCommit: varchar(64),
          createdAt: time(),
          madeAt: time(optional),
        },
        { idx_worktrees_workspace: { on: ['workspaceId'] }, idx_worktrees_project_dir: { on: ['projectDir'] } },
      ),
    );
    await runner.createTable(
      table('session_trees', {
        sessionId: id(primary),
        head: varchar(64, optional),
        turn: integer(optional),
        tree: varchar(64, optional),
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('session_trees');
    await runner.dropTable('worktrees');
  }
}
