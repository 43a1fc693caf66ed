import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** The version in our package.json, wherever this file was compiled to. */
export const VERSION = find(__dirname);

function find(directory: string): string {
  try {
    const manifest = z
      .object({ name: z.literal('muster'), version: z.string() })
      .safeParse(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')));
    if (manifest.success) return manifest.data.version;
  } catch {
    // No package.json here: it is further up.
  }
  return directory === dirname(directory) ? '0.0.0' : find(dirname(directory));
}
