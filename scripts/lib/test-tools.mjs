/** What some tests need besides Node, and what becomes of them where it is missing. */
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, outputOf } from './programs.mjs';
import { inProject } from './project.mjs';

const CHROMIUMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const TOOLS = {
  tmux: { isThere: () => findProgram('tmux'), remedy: 'sudo apt-get install tmux' },
  strace: { isThere: () => findProgram('strace'), remedy: 'sudo apt-get install strace' },
  chromium: { isThere: () => CHROMIUMS.some(findProgram), remedy: 'sudo apt-get install chromium' },
  postgres: {
    isThere: () => process.env.MUSTER_TEST_POSTGRES_URL,
    remedy:
      'set MUSTER_TEST_POSTGRES_URL=postgres://user:password@host:5432/postgres; the tests make and drop databases of their own there',
    consequence: 'tests run on SQLite only',
  },
  cluster: {
    isThere: () => findProgram('initdb') ?? debianInitdb(),
    remedy: 'sudo apt-get install postgresql',
    consequence: 'tests that restart and break a PostgreSQL of their own are skipped',
  },
  'small-disk': {
    isThere: canMount,
    remedy: 'run as root, in a container with CAP_SYS_ADMIN: a small tmpfs is mounted',
    consequence: 'tests of a full disk are skipped',
  },
  agents: {
    isThere: () => outputOf(process.execPath, [inProject('scripts', 'install-agents.mjs'), '--check']) !== undefined,
    remedy: 'node scripts/install-agents.mjs (about 1.2 GB, outside of the project)',
  },
};

/** Debian keeps it out of the path. */
function debianInitdb() {
  const versions = '/usr/lib/postgresql';
  const found = existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin', 'initdb')) : [];
  return found.find((file) => existsSync(file));
}

function canMount() {
  const directory = mkdtempSync(join(tmpdir(), 'muster-mount-'));
  try {
    return (
      outputOf('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]) !== undefined && outputOf('umount', [directory]) !== undefined
    );
  } finally {
    rmdirSync(directory);
  }
}

/** What is missing: `{name, remedy, consequence, isRequired}`. Required is what MUSTER_TEST_REQUIRE names, separated by commas. */
export function missingTools() {
  const required = (process.env.MUSTER_TEST_REQUIRE ?? '').split(/[\s,]+/).filter(Boolean);
  return Object.entries(TOOLS)
    .filter(([, { isThere }]) => !isThere())
    .map(([name, { remedy, consequence = 'tests that need it are skipped' }]) => ({
      name,
      remedy,
      consequence,
      isRequired: required.includes(name),
    }));
}
