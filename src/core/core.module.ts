import { type DynamicModule, Global, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from './clock.js';
import { CheckpointLimits, Checkpoints } from './database/checkpoints.service.js';
import { DataDirLock } from './database/data-dir-lock.js';
import { DatabaseLock } from './database/database-lock.js';
import { DatabaseIdentity } from './database/database-identity.service.js';
import { connect, dataSourceOptions, dialectOf, type Schema } from './database/data-source.js';
import { Database } from './database/database.js';
import { migrate } from './database/migrator.js';
import { Outbox } from './database/outbox.js';
import { OutboxDispatcher } from './database/outbox-dispatcher.js';
import { finishSwap } from './database/sqlite-files.js';
import { StorageState } from './database/storage-state.js';
import { UnitOfWork } from './database/unit-of-work.js';
import { WalSync } from './database/wal-sync.js';
import { ErrorShapes } from './errors/error-shapes.service.js';
import { EventBus } from './event-bus/event-bus.js';
import { Refusals } from './http/refusals.service.js';
import { ServerAddress } from './http/server-address.js';
import { Idempotency } from './idempotency/idempotency.service.js';
import { IdempotencyKeysRepository } from './idempotency/persistence/idempotency-keys.repository.js';
import { NodeIdentity } from './node-identity.js';
import { Shutdown } from './shutdown.js';

/** The token under which `@InjectDataSource('muster')` of @nestjs/typeorm finds our data source. */
export const DATA_SOURCE = 'musterDataSource';

/** What every feature stands on. Knows none of them: the schema is handed in. */
@Global()
@Module({})
export class CoreModule implements OnApplicationShutdown {
  constructor(
    private readonly db: Database,
    private readonly dispatcher: OutboxDispatcher,
    private readonly unit: UnitOfWork,
    private readonly shutdown: Shutdown,
    private readonly lock: DataDirLock,
    private readonly databaseLock: DatabaseLock,
  ) {}

  static of(schema: Schema): DynamicModule {
    const openDatabase = async (
      config: MusterConfig,
      lock: DataDirLock,
      databaseLock: DatabaseLock,
      storage: StorageState,
    ): Promise<Database> => {
      lock.acquire();
      const logger = new Logger('Database');
      if (config.database.kind === 'sqlite' && finishSwap(config.database.file)) logger.warn('an interrupted restoration was finished');
      const warn = (reason: string) => logger.warn(reason);
      const onWeak = (name: string, value: string) => storage.allowedWeak(name, value);
      const writer = await connect(config.database, dataSourceOptions(config.database, schema, { onWeak, synchronous: 'NORMAL' }), warn);
      await databaseLock.acquire();
      await migrate(writer);
      if (config.database.kind === 'postgres') return new Database(dialectOf(config.database), writer, writer);
      const sync = WalSync.of(config.database.file);
      const reader = await connect(config.database, dataSourceOptions(config.database, schema, { access: 'read' }), warn, sync);
      return new Database(dialectOf(config.database), writer, reader, sync);
    };
    /** A start that is refused leaves nothing locked behind. */
    const openOrUnlock: typeof openDatabase = async (config, lock, databaseLock, storage) => {
      try {
        return await openDatabase(config, lock, databaseLock, storage);
      } catch (error) {
        await databaseLock.release();
        lock.release();
        throw error;
      }
    };
    const provided = [
      Checkpoints,
      Clock,
      DataDirLock,
      DatabaseIdentity,
      DatabaseLock,
      ErrorShapes,
      NodeIdentity,
      Database,
      EventBus,
      Idempotency,
      Outbox,
      OutboxDispatcher,
      Refusals,
      ServerAddress,
      Shutdown,
      StorageState,
      UnitOfWork,
      DATA_SOURCE,
    ];
    return {
      module: CoreModule,
      imports: [DiscoveryModule, EventEmitterModule.forRoot()],
      providers: [
        CheckpointLimits,
        Checkpoints,
        Clock,
        DataDirLock,
        DatabaseIdentity,
        DatabaseLock,
        ErrorShapes,
        NodeIdentity,
        EventBus,
        Idempotency,
        IdempotencyKeysRepository,
        Outbox,
        OutboxDispatcher,
        Refusals,
        ServerAddress,
        Shutdown,
        StorageState,
        UnitOfWork,
        { provide: Database, useFactory: openOrUnlock, inject: [MusterConfig, DataDirLock, DatabaseLock, StorageState] },
        { provide: DATA_SOURCE, useFactory: (db: Database) => db.writer, inject: [Database] },
      ],
      exports: provided,
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.stop();
    await this.shutdown.finish();
    await this.unit.settled();
    const { writer, reader, sync } = this.db;
    await sync?.close();
    if (reader !== writer && reader.isInitialized) await reader.destroy();
    if (writer.isInitialized) await writer.destroy();
    await this.databaseLock.release();
    this.lock.release();
  }
}
