import { type DynamicModule, Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module.js';
import { ApprovalsModule } from './approvals/approvals.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CompatModule } from './compat/compat.module.js';
import { ConfigModule } from './config/config.module.js';
import { MusterConfig, processEnvironment } from './config/muster-config.js';
import type { Environment } from './config/environment.js';
import { CoreModule } from './core/core.module.js';
import { EventLogModule } from './events/event-log.module.js';
import { EventsModule } from './events/events.module.js';
import { HooksModule } from './hooks/hooks.module.js';
import { LauncherModule } from './launcher/launcher.module.js';
import { schema } from './migrations/schema.js';
import { OpsModule } from './ops/ops.module.js';
import { RealtimeModule } from './realtime/realtime.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { UsageModule } from './usage/usage.module.js';
import { WorkspacesModule } from './workspaces/workspaces.module.js';

export interface MusterOptions {
  /** `MUSTER_*` variables; absent: those of the process, with `.env` below them. */
  readonly environment?: Environment;
}

/**
 * Muster as a module: of our own server, or of another Nest application, which keeps its own database, guards, pipes, filters,
 * adapters and events. Its routes lie below `/api`, those of other systems' contracts below `/compat`.
 */
@Module({})
export class MusterModule {
  /** @throws ConfigError where a variable is wrong */
  static forRoot({ environment = processEnvironment() }: MusterOptions = {}): DynamicModule {
    const features = [
      AuthModule,
      AgentsModule,
      WorkspacesModule,
      EventLogModule,
      SessionsModule,
      EventsModule,
      ApprovalsModule,
      HooksModule,
      UsageModule,
      LauncherModule,
      RealtimeModule,
      OpsModule,
      CompatModule,
    ];
    return {
      module: MusterModule,
      imports: [ConfigModule.of(new MusterConfig(environment)), CoreModule.of(schema), ...features],
      exports: features,
    };
  }
}
