import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from './environment.js';
import { MusterConfig, processEnvironment } from './muster-config.js';

const config = (environment: Record<string, string> = {}) => new MusterConfig(environment);

describe('the configuration', () => {
  it('has defaults that serve one machine', () => {
    const { host, port, database, auth, publicUrl } = config();
    expect({ host, port, kind: database.kind, auth, publicUrl }).toEqual({
      host: '127.0.0.1',
      port: 4600,
      kind: 'sqlite',
      auth: 'key',
      publicUrl: undefined,
    });
  });

  it.each([
    ['MUSTER_PORT', 'abc', /MUSTER_PORT: "abc" is not a whole number from 0 to 65535/],
    ['MUSTER_PORT', '70000', /"70000"/],
    ['MUSTER_PORT', '-1', /"-1"/],
    ['MUSTER_PUBLIC_URL', 'example.org', /"example.org" is not an origin/],
    ['MUSTER_PUBLIC_URL', 'https://example.org/path', /not an origin/],
    ['MUSTER_DATABASE_URL', 'mysql://x', /does not start with postgres/],
    ['MUSTER_WORKSPACE_ROOTS', 'relative/dir', /"relative\/dir" is not an absolute path/],
    ['MUSTER_LOG_LEVEL', 'loud', /"loud" is not known. Use one of: fatal/],
    ['MUSTER_COMPAT_PORTS', 'somebody:1', /"somebody" is not a known system. Known are: agent-orchestrator/],
    ['MUSTER_COMPAT_PORTS', '8765', /"8765" is not a known system/],
    ['MUSTER_COMPAT_PORTS', 'agent-orchestrator', /"agent-orchestrator" is not complete. Write agent-orchestrator:<value>/],
    ['MUSTER_COMPAT_PORTS', 'agent-orchestrator:70000', /"70000" is not a port/],
    ['MUSTER_COMPAT_PORTS', 'agent-orchestrator:1, agent-orchestrator:2', /agent-orchestrator is named twice/],
    ['MUSTER_COMPAT_PORTS', 'agent-orchestrator:4600', /agent-orchestrator:4600 is the port of MUSTER_PORT/],
    ['MUSTER_COMPAT_TRUST', 'agent-orchestrator=admin', /agent-orchestrator has no port of its own/],
    ['MUSTER_COMPAT_ORIGINS', 'agent-orchestrator=localhost:5173', /"localhost:5173" is not an origin/],
    ['MUSTER_COMPAT_ORIGINS', 'http://localhost:5173', /"http:\/\/localhost:5173" is not a known system/],
    ['MUSTER_CORS_ORIGINS', 'https://ok.example,nonsense', /"nonsense" is not an origin/],
    ['MUSTER_AUTH', 'none', /"none" is not known/],
    ['MUSTER_ADMIN_KEY', 'short', /shorter than 32/],
    ['MUSTER_TRUSTED_PROXIES', 'loopback,proxy.example', /"proxy.example" is not an address/],
    ['MUSTER_TRUSTED_PROXIES', '0.0.0.0/0', /"0.0.0.0\/0" is not an address/],
    ['MUSTER_LIMIT_READ_PER_MINUTE', '-1', /"-1" is not a whole number/],
    ['MUSTER_AGENT_STOP_GRACE_MS', '5s', /"5s" is not a whole number/],
  ])('%s=%s is refused with variable, value and remedy', (name, value, message) => {
    expect(() => config({ [name]: value })).toThrow(ConfigError);
    expect(() => config({ [name]: value })).toThrow(message);
  });

  it('never shows a secret in an error', () => {
    expect(() => config({ MUSTER_DATABASE_URL: 'mysql://user:geheim@host/db' })).not.toThrow(/geheim/);
    expect(() => config({ MUSTER_ADMIN_KEY: 'geheim' })).not.toThrow(/geheim/);
  });

  it('refuses to go without authentication on an address others reach', () => {
    expect(() => config({ MUSTER_AUTH: 'off', MUSTER_HOST: '0.0.0.0' })).toThrow(/only a loopback address/);
    expect(config({ MUSTER_AUTH: 'off', MUSTER_HOST: '::1' }).auth).toBe('off');
  });

  it('reads how long a session may be left untouched', () => {
    const after = (value?: string) => config(value === undefined ? {} : { MUSTER_SESSION_EXPIRES_AFTER: value }).sessionExpiresAfterMs;
    expect([after(), after('90m'), after('24h'), after('7d'), after('45s')]).toEqual([null, 5_400_000, 86_400_000, 604_800_000, 45_000]);
    for (const value of ['0h', '24', '1.5h', '-1h', '1w', 'soon'])
      expect(() => after(value)).toThrow(/^MUSTER_SESSION_EXPIRES_AFTER: ".*" is no length of time\. Write a whole number/);
  });

  it('reads secrets from files', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'muster-config-')), 'url');
    writeFileSync(file, 'postgres://user:pw@db.example/muster\n');
    expect(config({ MUSTER_DATABASE_URL_FILE: file }).database).toMatchObject({
      kind: 'postgres',
      url: 'postgres://user:pw@db.example/muster',
    });
    expect(() => config({ MUSTER_DATABASE_URL_FILE: `${file}.missing` })).toThrow(/MUSTER_DATABASE_URL_FILE: cannot read .*missing/);
    expect(() => config({ MUSTER_DATABASE_URL_FILE: file, MUSTER_DATABASE_URL: 'postgres://x/y' })).toThrow(/Set only one/);
  });

  it('reads .env below the environment of the process', () => {
    const directory = mkdtempSync(join(tmpdir(), 'muster-env-'));
    writeFileSync(join(directory, '.env'), 'MUSTER_PORT=4999\nPATH=/nowhere\n');
    expect(processEnvironment(directory)).toMatchObject({ MUSTER_PORT: '4999', PATH: process.env.PATH });
  });

  it('gives agents an allow-listed part of the environment and nothing else', () => {
    const { inheritedAgentEnv } = config({ PATH: '/bin', ANTHROPIC_API_KEY: 'k', MY_VAR: 'v', MUSTER_AGENT_ENV_ALLOW: 'MY_VAR, OTHER' });
    expect(inheritedAgentEnv).toEqual({ PATH: '/bin', MY_VAR: 'v' });
  });

  it('knows how clients of other systems come in', () => {
    const { compat } = config({
      MUSTER_COMPAT_PORTS: 'agent-orchestrator:8765',
      MUSTER_COMPAT_TRUST: 'agent-orchestrator=user:ada',
      MUSTER_COMPAT_ORIGINS: 'agent-orchestrator=http://localhost:5173,agent-orchestrator=http://localhost:3000/',
    });
    expect([...compat.ports]).toEqual([['agent-orchestrator', 8765]]);
    expect([...compat.trust]).toEqual([['agent-orchestrator', 'user:ada']]);
    expect([...compat.origins]).toEqual([['agent-orchestrator', ['http://localhost:5173', 'http://localhost:3000']]]);
  });

  it.each(['root', 'system', 'agent:1', 'oidc:me', 'user:', ''])('trusts nobody as %j', (name) => {
    const environment = { MUSTER_COMPAT_PORTS: 'agent-orchestrator:8765', MUSTER_COMPAT_TRUST: `agent-orchestrator=${name}` };
    expect(() => config(environment)).toThrow(ConfigError);
  });
});
