import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { isRequired } from './databases.js';

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((each) => existsSync(each));

/** `describe` where a Chromium is installed, else a skip that says how to get one; a failure where it is required. */
export const describeWithChromium: jest.Describe = PROGRAM || isRequired('chromium') ? describe : describe.skip;

export function launchChromium(): Promise<Browser> {
  if (!PROGRAM) throw new Error('MUSTER_TEST_REQUIRE names chromium, but none is installed: apt-get install chromium.');
  return chromium.launch({
    executablePath: PROGRAM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
