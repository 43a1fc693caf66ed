import { Logger } from '@nestjs/common';
import { ConfigError } from './config/environment.js';
import { MusterConfig, processEnvironment } from './config/muster-config.js';
import { PinoLogger } from './core/http/pino-logger.js';
import { type RunningServer, startServer } from './server.js';

async function main(): Promise<void> {
  const environment = processEnvironment();
  const logger = new PinoLogger(new MusterConfig(environment).logLevel);
  Logger.overrideLogger(logger);
  const server = await startServer(environment, logger);
  // Whoever waits for the greeting may stop us the moment it comes.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(server, logger));
  process.stdout.write(`${server.greeting()}\n`);
}

let isStopping = false;

/** The first signal finishes what is under way; a second one does not wait for it. */
function stop(server: RunningServer, logger: PinoLogger): void {
  if (isStopping) process.exit(1);
  isStopping = true;
  logger.log('shutting down', 'Main');
  server.app.close().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error({ msg: 'the shutdown failed', err: error });
      process.exit(1);
    },
  );
}

/** What a person can cause is told in a sentence; anything else is a fault of ours and comes with its stack. */
main().catch((error: unknown) => {
  const isExpected =
    error instanceof ConfigError ||
    (error instanceof Error &&
      (/^(DataDirInUse|DatabaseInUse|DatabaseUnreachable|PortInUse|WeakDurability|StorageFull|StorageFailed|DatabaseUnavailable)Error$/.test(
        error.name,
      ) ||
        error.message.startsWith('MUSTER_')));
  process.stderr.write(`muster: ${isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
