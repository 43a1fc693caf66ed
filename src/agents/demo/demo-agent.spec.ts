import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SessionUpdate } from '@agentclientprotocol/sdk';
import { DemoBench } from './testing/demo-bench.js';
import { DemoClient } from './testing/demo-client.js';

describe('DemoAgent', () => {
  let bench: DemoBench;
  let client: DemoClient;
  let cwd: string;

  const restart = async () => {
    await bench.restart();
    ({ client } = bench);
  };
  const kinds = () => client.updates.map(({ sessionUpdate }) => sessionUpdate);
  const plans = () => client.updates.flatMap((update) => (update.sessionUpdate === 'plan' ? [update.entries] : []));
  const usages = () => client.updates.flatMap((update) => (update.sessionUpdate === 'usage_update' ? [[update.used, update.size]] : []));

  beforeEach(async () => {
    bench = new DemoBench();
    ({ cwd } = bench);
    await restart();
  });
  afterEach(() => bench.close());

  describe('what it says', () => {
    it('tells what it can do', async () => {
      expect(await bench.restart()).toMatchObject({
        protocolVersion: 1,
        agentCapabilities: { loadSession: true, sessionCapabilities: { resume: {}, close: {} } },
      });
    });

    it('streams messages and thoughts in pieces, one id a message', async () => {
      expect(await client.prompt(await bench.newSession(), 'say:one two three\nthink:so it is\nsay:four')).toBe('end_turn');
      expect(client.messages).toEqual(['one two three', 'four']);
      expect(client.joined('agent_thought_chunk')).toEqual(['so it is']);
      expect(kinds().filter((kind) => kind === 'agent_message_chunk').length).toBeGreaterThan(3);
    });

    it('echoes a prompt without directives whole, and unknown lines beside directives singly', async () => {
      const session = await bench.newSession();
      await client.prompt(session, 'hello\nthere');
      await client.prompt(session, 'well\nsay:x\nslow:ly');
      expect(client.messages).toEqual(['echo: hello\nthere', 'echo: well', 'x', 'echo: slow:ly']);
    });

    it('ends each turn with the words exchanged so far', async () => {
      const session = await bench.newSession();
      await client.prompt(session, 'say:one two');
      await client.prompt(session, 'three');
      expect(usages()).toEqual([[4, 200_000], [7, 200_000]]); // prettier-ignore
      expect(kinds().at(-1)).toBe('usage_update');
    });

    it('draws a dot each half second at most', async () => {
      await client.prompt(await bench.newSession(), 'slow:0.6\nslow:0');
      expect(client.messages).toEqual(['..']);
    });

    it('fails the turn with the given message and takes the next prompt', async () => {
      const session = await bench.newSession();
      await expect(client.prompt(session, 'say:a\nfail:no luck\nsay:b')).rejects.toMatchObject({ code: -32603, message: 'no luck' });
      expect(await client.prompt(session, 'say:c')).toBe('end_turn');
      expect(client.messages).toEqual(['a', 'c']);
    });

    it('asks for the end of its process', async () => {
      await client.prompt(await bench.newSession(), 'exit:7');
      expect(bench.exits).toEqual([7]);
    });
  });

  describe('its tools', () => {
    it('reads, writes and runs in order, with a plan, and says what came last', async () => {
      writeFileSync(join(cwd, 'a.txt'), 'old\nlines\n');
      await client.prompt(await bench.newSession(), 'read:a.txt\nwrite:a.txt hi\\nthere\nrun:cat a.txt');
      expect(client.toolLines).toEqual([
        'Read a.txt | pending', '- | in_progress', '- | completed | old\nlines\n',
        'Write a.txt | pending', '- | in_progress', '- | completed | diff',
        'Run cat a.txt | pending', '- | in_progress', '- | completed | hi\nthere',
      ]); // prettier-ignore
      expect(client.messages).toEqual(['done: hi']);
      expect(plans().map((entries) => entries.map(({ status }) => status.slice(0, 1)).join(''))).toEqual([
        'ppp',
        'ipp',
        'cip',
        'cci',
        'ccc',
      ]);
      expect(plans().at(0)?.map(({ content }) => content)).toEqual(['read a.txt', 'write a.txt', 'run cat a.txt']); // prettier-ignore
      expect(client.questions).toHaveLength(1);
    });

    it('makes a file with its folders and shows the difference', async () => {
      const session = await bench.newSession();
      await client.prompt(session, 'write:deep/er/a.txt one');
      await client.prompt(session, 'write:deep/er/a.txt two');
      const path = join(cwd, 'deep/er/a.txt');
      const diffs = client.updates.flatMap((update) => (update.sessionUpdate === 'tool_call_update' ? (update.content ?? []) : []));
      expect(diffs).toEqual([
        { type: 'diff', path, oldText: null, newText: 'one' },
        { type: 'diff', path, oldText: 'one', newText: 'two' },
      ]);
      expect(readFileSync(path, 'utf8')).toBe('two');
      expect(client.messages).toEqual(['done: wrote deep/er/a.txt', 'done: wrote deep/er/a.txt']);
      expect(plans()).toEqual([]);
    });

    it('names kind, place and input of a tool call', async () => {
      await client.prompt(await bench.newSession(), 'read:a.txt');
      expect(client.updates[0]).toMatchObject({
        kind: 'read',
        name: 'read',
        locations: [{ path: join(cwd, 'a.txt') }],
        rawInput: { path: 'a.txt' },
      });
    });

    it.each([
      ['read:gone.txt', 'gone.txt does not exist'],
      ['read:.', '. is not a file'],
      ['read:../secret', "../secret lies outside the session's folder"],
      ['read:way-out', "way-out lies outside the session's folder"],
      ['write:../made x', "../made lies outside the session's folder"],
      ['write:way-out x', "way-out lies outside the session's folder"],
      ['read:big', 'big is larger than 1048576 bytes'],
    ])('%s fails the call and not the turn', async (line, text) => {
      writeFileSync(join(bench.top, 'secret'), 'secret');
      writeFileSync(join(cwd, 'big'), Buffer.alloc(1024 * 1024 + 1));
      symlinkSync(join(bench.top, 'secret'), join(cwd, 'way-out'));
      expect(await client.prompt(await bench.newSession(), `${line}\nsay:on`)).toBe('end_turn');
      expect(client.toolLines.at(-1)).toBe(`- | failed | ${text}`);
      expect(client.messages).toEqual(['on', `done: ${text}`]);
      expect([readFileSync(join(bench.top, 'secret'), 'utf8'), existsSync(join(bench.top, 'made'))]).toEqual(['secret', false]);
    });

    it('fails a command by its exit code and keeps the output', async () => {
      await client.prompt(await bench.newSession(), 'run:echo so; exit 3\nrun:true');
      const [failed, succeeded] = client.updates.filter((update) => 'rawOutput' in update);
      expect(failed).toMatchObject({ status: 'failed', rawOutput: { exitCode: 3 } });
      expect(succeeded).toMatchObject({ status: 'completed', rawOutput: { exitCode: 0 } });
      expect(client.messages).toEqual(['done: (no output)']);
    });
  });

  describe('sessions', () => {
    it('refuses a second prompt while one is under way, and works on in other sessions', async () => {
      const [one, other] = [await bench.newSession(), await bench.newSession()];
      const turn = client.prompt(one, 'slow:600');
      await expect(client.prompt(one, 'say:me too')).rejects.toMatchObject({ code: -32600, message: expect.stringContaining('is busy') });
      await expect(client.agent.request('session/resume', { sessionId: one, cwd })).rejects.toMatchObject({ code: -32600 });
      expect(await client.prompt(other, 'say:there')).toBe('end_turn');
      await client.cancel(one);
      expect(await turn).toBe('cancelled');
    });

    it.each(['relative', '/not/there', __filename])('does not begin in %s', async (folder) => {
      await expect(client.newSession(folder)).rejects.toMatchObject({ code: -32602, message: expect.stringContaining('cwd must be') });
    });

    it('knows only its own', async () => {
      for (const sessionId of ['01234567', '../../etc/passwd']) {
        await expect(client.prompt(sessionId, 'say:x')).rejects.toMatchObject({ code: -32002, data: { sessionId } });
        await expect(client.agent.request('session/load', { sessionId, cwd, mcpServers: [] })).rejects.toMatchObject({ code: -32002 });
        await expect(client.agent.request('session/resume', { sessionId, cwd })).rejects.toMatchObject({ code: -32002 });
      }
    });

    it('ends the turn of a session that is closed', async () => {
      const session = await bench.newSession();
      const turn = client.prompt(session, 'slow:600');
      await client.agent.request('session/close', { sessionId: session });
      expect(await turn).toBe('cancelled');
      await expect(client.prompt(session, 'say:x')).rejects.toMatchObject({ code: -32002 });
    });
  });

  describe('an earlier conversation', () => {
    const first = 'say:hello you\nthink:hm\nwrite:a.txt x\nrun:cat a.txt';
    let session: string;

    beforeEach(async () => {
      session = await bench.newSession();
      await client.prompt(session, first);
      await restart();
    });

    it('is replayed by session/load, before its answer', async () => {
      const seen: SessionUpdate[] = [];
      const { modes } = await client.agent.request('session/load', { sessionId: session, cwd, mcpServers: [] });
      seen.push(...client.updates);
      expect(modes?.currentModeId).toBe('default');
      expect(seen.map(({ sessionUpdate }) => sessionUpdate)).toEqual([
        'user_message_chunk', 'agent_message_chunk', 'agent_thought_chunk', 'tool_call', 'tool_call', 'agent_message_chunk',
      ]); // prettier-ignore
      expect(client.joined('user_message_chunk')).toEqual([first]);
      expect(client.messages).toEqual(['hello you', 'done: x']);
      expect(client.toolLines).toEqual(['Write a.txt | completed | diff', 'Run cat a.txt | completed | x']);
    });

    it('is restored by session/resume without a word', async () => {
      const { modes } = await client.agent.request('session/resume', { sessionId: session, cwd });
      expect([modes?.availableModes.map(({ id }) => id), client.updates]).toEqual([['default', 'auto'], []]);
    });

    it.each(['session/load', 'session/resume'] as const)('goes on after %s', async (method) => {
      await client.agent.request(method, { sessionId: session, cwd, mcpServers: [] });
      client.updates.length = 0;
      await client.prompt(session, 'recall:');
      expect(client.messages).toEqual([`recall: ${first}`]);
      expect(usages()[0]?.[0]).toBeGreaterThan(20);
      await restart();
      await client.agent.request('session/load', { sessionId: session, cwd, mcpServers: [] });
      expect(client.joined('user_message_chunk')).toEqual([first, 'recall:']);
    });
  });

  it('recalls a first prompt that is the question itself', async () => {
    await client.prompt(await bench.newSession(), 'recall:');
    expect(client.messages).toEqual(['recall: recall:']);
  });
});
