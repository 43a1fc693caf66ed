import { ApprovalEntity } from '../approvals/persistence/approval.entity.js';
import { ApiKeyEntity } from '../auth/persistence/api-key.entity.js';
import { WorkspaceMemberEntity } from '../auth/persistence/workspace-member.entity.js';
import type { Schema } from '../core/database/data-source.js';
import { DatabaseIdentityEntity } from '../core/database/database-identity.entity.js';
import { ListenerCursorEntity, OutboxCounterEntity, OutboxEntity } from '../core/database/outbox.entity.js';
import { IdempotencyKeyEntity } from '../core/idempotency/persistence/idempotency-key.entity.js';
import { blobSchema } from '../events/persistence/blob.entity.js';
import {
  OpenBlockEntity,
  SessionBlobEntity,
  SessionEventEntity,
  SessionHeadEntity,
  ToolEventEntity,
} from '../events/persistence/session-event.entity.js';
import { AgentHostEntity } from '../launcher/persistence/agent-host.entity.js';
import { SessionTreeEntity } from '../sessions/persistence/session-tree.entity.js';
import { InputEntity, SessionEntity, TurnEntity } from '../sessions/persistence/session.entity.js';
import { UsageEntryEntity } from '../usage/persistence/usage.entity.js';
import { WorkspaceEntity } from '../workspaces/persistence/workspace.entity.js';
import { WorktreeEntity } from '../workspaces/persistence/worktree.entity.js';
import { Ground1795168800000 } from './1795168800000-ground.migration.js';
import { Access1795172400000 } from './1795172400000-access.migration.js';
import { Blobs1795255200000 } from './1795255200000-blobs.migration.js';
import { Idempotency1795258800000 } from './1795258800000-idempotency.migration.js';
import { Retention1795262400000 } from './1795262400000-retention.migration.js';
import { Approvals1795266000000 } from './1795266000000-approvals.migration.js';
import { AgentHosts1795269600000 } from './1795269600000-agent-hosts.migration.js';
import { Reads1795273200000 } from './1795273200000-reads.migration.js';
import { Worktrees1795276800000 } from './1795276800000-worktrees.migration.js';
import { Lineage1795280400000 } from './1795280400000-lineage.migration.js';

/** Everything that is stored, and the way it came to be. */
export const schema: Schema = {
  entities: (dialect) => [
    AgentHostEntity,
    ApiKeyEntity,
    ApprovalEntity,
    DatabaseIdentityEntity,
    IdempotencyKeyEntity,
    InputEntity,
    ListenerCursorEntity,
    OpenBlockEntity,
    OutboxCounterEntity,
    OutboxEntity,
    SessionBlobEntity,
    SessionEntity,
    SessionEventEntity,
    SessionHeadEntity,
    SessionTreeEntity,
    ToolEventEntity,
    TurnEntity,
    UsageEntryEntity,
    WorkspaceEntity,
    WorkspaceMemberEntity,
    WorktreeEntity,
    blobSchema(dialect),
  ],
  migrations: [
    Ground1795168800000,
    Access1795172400000,
    Blobs1795255200000,
    Idempotency1795258800000,
    Retention1795262400000,
    Approvals1795266000000,
    AgentHosts1795269600000,
    Reads1795273200000,
    Worktrees1795276800000,
    Lineage1795280400000,
  ],
};
