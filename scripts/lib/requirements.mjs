/** What this machine must have before anything can be installed or run, and how to get it. */
import { outputOf, findProgram } from './programs.mjs';
import { Problem } from './terminal.mjs';

/** The first versions that can `require` an ES module without a flag, in ascending order of their lines. */
const LEAST_NODE = { 20: 19, 22: 12 };

const howToGet = (debian, macos) => `  Debian, Ubuntu:  sudo apt-get install ${debian}\n  macOS:           ${macos}`;

/** @throws Problem where this Node is too old */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isEnough = major > 22 || (LEAST_NODE[major] !== undefined && minor >= LEAST_NODE[major]);
  if (!isEnough)
    throw new Problem(
      `Node.js 20.19 or newer is needed (22: 22.12 or newer), and this is ${process.version}.`,
      'Get a current one from https://nodejs.org, your package manager, or a version manager such as nvm.',
    );
}

/** @throws Problem where git is missing */
export function requireGit() {
  if (findProgram('git')) return;
  throw new Problem('git is needed, and is not on the PATH.', howToGet('git', 'xcode-select --install'));
}

/** @throws Problem where tmux is missing */
export function requireTmux() {
  if (findProgram('tmux')) return;
  throw new Problem('tmux is needed, and is not on the PATH.', howToGet('tmux', 'brew install tmux'));
}

/** `Node 20.19.0, git 2.39.5, tmux 3.3a` */
export function describeRequirements() {
  const version = (text) => /\d+(\.\d+)*[a-z]?/.exec(text ?? '')?.[0] ?? '?';
  return `Node ${process.versions.node}, git ${version(outputOf('git', ['--version']))}, tmux ${version(outputOf('tmux', ['-V']))}`;
}

/** What of the tools is missing that compile better-sqlite3 where no prebuilt binary of it can be downloaded. */
export function missingCompilers() {
  const missing = ['python3', 'make'].filter((name) => !findProgram(name));
  return ['g++', 'c++', 'clang++'].some(findProgram) ? missing : [...missing, 'g++'];
}

export const howToGetCompilers = () => howToGet('python3 make g++', 'xcode-select --install');
