import type { NestExpressApplication } from '@nestjs/platform-express';
import { NestFactory } from '@nestjs/core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openApiDocument } from './core/openapi/api-documents.js';
import { VERSION } from './core/version.js';
import { MusterModule } from './muster.module.js';
import { asyncApiDocument } from './realtime/asyncapi.document.js';

/** Prints `{openapi, asyncapi}` as JSON: what `openapi.json` and `asyncapi.json` are made from. */
async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-documents-'));
  try {
    const environment = { MUSTER_DATA_DIR: dataDir };
    const app = await NestFactory.create<NestExpressApplication>(MusterModule.forRoot({ environment }), {
      logger: false,
      abortOnError: false,
    });
    process.stdout.write(JSON.stringify({ openapi: openApiDocument(app), asyncapi: asyncApiDocument(VERSION) }));
    await app.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
