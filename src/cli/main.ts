#!/usr/bin/env node
import { Logger } from '@nestjs/common';
import { processEnvironment } from '../config/muster-config.js';
import { runCli } from './cli.js';

// What a command has to tell is its result; the log of the server is for the server.
Logger.overrideLogger(false);
void runCli(process.argv.slice(2), () => processEnvironment()).then(({ exitCode, stdout, stderr }) => {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = exitCode;
});
