/** Where the forwarder lies where nothing else is said. */
export const FORWARDER_PATH = '$HOME/.config/muster/hook.mjs';

/**
 * A program of one file and without dependencies that hands a hook on: from its standard input, or from its last argument, as Codex calls
 * what `notify` names. It ends with 0 whatever happens, and says only what the server answered.
 */
export const forwarder = (url: string): string => `#!/usr/bin/env node
// Hands a hook of a coding agent on to Muster: node hook.mjs AGENT [--wait SECONDS] [--workspace ID] [PAYLOAD]
// MUSTER_URL, MUSTER_TOKEN (or a file named by MUSTER_TOKEN_FILE) and MUSTER_SESSION_ID come from the environment.
import { readFileSync } from 'node:fs';

const [agent = 'agent', ...more] = process.argv.slice(2);
const option = (name) => {
  const at = more.indexOf(name);
  return at < 0 ? undefined : more.splice(at, 2)[1];
};
const wait = Number(option('--wait') ?? 0);
const workspaceId = option('--workspace');
const base = process.env.MUSTER_URL || ${JSON.stringify(url)};

async function payload() {
  if (more[0] !== undefined) return more[0];
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

try {
  const { MUSTER_TOKEN, MUSTER_TOKEN_FILE, MUSTER_SESSION_ID } = process.env;
  const token = MUSTER_TOKEN || (MUSTER_TOKEN_FILE ? readFileSync(MUSTER_TOKEN_FILE, 'utf8').trim() : '');
  const query = new URLSearchParams({ ...(wait > 0 ? { wait: String(wait) } : {}), ...(workspaceId ? { workspaceId } : {}) });
  const response = await fetch(\`\${base}/api/hooks/\${encodeURIComponent(agent)}\${query.size > 0 ? \`?\${query}\` : ''}\`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: \`Bearer \${token}\`,
      ...(MUSTER_SESSION_ID ? { 'x-muster-session': MUSTER_SESSION_ID } : {}),
    },
    body: await payload(),
    signal: AbortSignal.timeout(wait > 0 ? (wait + 5) * 1000 : 3000),
  });
  const text = await response.text();
  if (response.ok && text.trim() !== '{}') process.stdout.write(text);
} catch {
  // The agent must not suffer from what watches it.
}
process.exitCode = 0;
`;
