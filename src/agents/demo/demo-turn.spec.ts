import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { AnyMessage } from '@agentclientprotocol/sdk';
import { DemoBench } from './testing/demo-bench.js';
import { DemoClient, isAlive, until } from './testing/demo-client.js';

/** What a person can do to a turn while it runs. */
describe('a turn of the demo agent', () => {
  let bench: DemoBench;
  let client: DemoClient;

  beforeEach(async () => {
    bench = new DemoBench();
    await bench.restart();
    ({ client } = bench);
  });
  afterEach(() => bench.close());

  describe('permission', () => {
    const command = 'run:echo x >> ran';
    const ran = () => bench.textOf('ran').length / 2;

    it('offers four options and names the tool call with its input', async () => {
      const session = await bench.newSession();
      await client.prompt(session, command);
      const [question] = client.questions;
      expect(question?.options.map(({ kind }) => kind)).toEqual(['allow_once', 'allow_always', 'reject_once', 'reject_always']);
      expect(question).toMatchObject({
        sessionId: session,
        toolCall: { status: 'pending', kind: 'execute', rawInput: { command: 'echo x >> ran' } },
      });
    });

    it.each([
      ['allow_once', 2, 2],
      ['allow_always', 1, 2],
      ['reject_once', 2, 0],
      ['reject_always', 1, 0],
      ['unknown', 2, 0],
    ] as const)('%s: of two commands %i are asked for and %i run', async (answer, asked, done) => {
      client.answer = answer;
      expect(await client.prompt(await bench.newSession(), `${command}\n${command}`)).toBe('end_turn');
      expect([client.questions.length, ran()]).toEqual([asked, done]);
    });

    it('says that a command was rejected', async () => {
      client.answer = 'reject_once';
      await client.prompt(await bench.newSession(), command);
      expect(client.toolLines).toEqual(['Run echo x >> ran | pending', '- | failed | rejected: the command was not run']);
      expect(client.messages).toEqual(['done: rejected: the command was not run']);
    });

    it('takes an answer "cancelled" as the end of the turn', async () => {
      client.answer = 'cancelled';
      expect(await client.prompt(await bench.newSession(), `${command}\nsay:x`)).toBe('cancelled');
      expect([ran(), client.messages]).toEqual([0, []]);
    });

    it('does not ask in mode auto, and asks again in mode default', async () => {
      const session = await bench.newSession();
      for (const modeId of ['auto', 'default']) {
        await client.agent.request('session/set_mode', { sessionId: session, modeId });
        await client.prompt(session, command);
      }
      expect([client.questions.length, ran()]).toEqual([1, 2]);
      await expect(client.agent.request('session/set_mode', { sessionId: session, modeId: 'yolo' })).rejects.toMatchObject({
        code: -32602,
      });
    });

    it('keeps an "always" to its session', async () => {
      client.answer = 'allow_always';
      for (let round = 0; round < 2; round++) await client.prompt(await bench.newSession(), command);
      expect(client.questions).toHaveLength(2);
    });
  });

  describe('cancel', () => {
    const cancelled = async (prompt: string, ready: () => boolean) => {
      const session = await bench.newSession();
      const turn = client.prompt(session, prompt);
      await until(ready);
      const start = performance.now();
      await client.cancel(session);
      expect(await turn).toBe('cancelled');
      expect(performance.now() - start).toBeLessThan(5_000);
      expect(await client.prompt(session, 'say:still here')).toBe('end_turn');
      expect(client.messages.at(-1)).toBe('still here');
    };

    it('stops waiting', () => cancelled('slow:600\nsay:never', () => client.messages.length > 0));

    it('stops a long row of directives', async () => {
      await cancelled('say:again and again\n'.repeat(5_000), () => client.messages.length > 10);
      expect(client.messages.length).toBeLessThan(5_000);
    });

    it('kills a running command with its group and closes the tool call', async () => {
      await cancelled('run:sleep 600 & echo $! > pid; wait\nsay:never', () => bench.textOf('pid').endsWith('\n'));
      await until(() => !isAlive(Number(bench.textOf('pid'))));
      expect(client.toolLines.at(-1)).toBe('- | failed | cancelled');
    });

    it('stops waiting for permission, also where nobody answers', async () => {
      client.answer = 'none';
      await cancelled('run:touch ran', () => client.questions.length > 0);
      expect(client.toolLines.at(-1)).toBe('- | failed | cancelled');
      expect(existsSync(join(bench.cwd, 'ran'))).toBe(false);
    });

    it('hears one that comes together with its prompt, and ignores one that comes before it', async () => {
      const sessionId = await bench.newSession();
      const replies: AnyMessage[] = [];
      const input = new TransformStream<AnyMessage, AnyMessage>({}, { highWaterMark: 9 }, { highWaterMark: 9 });
      const writer = input.writable.getWriter();
      bench.agent.app().connect({ readable: input.readable, writable: new WritableStream({ write: (reply) => void replies.push(reply) }) });
      const send = (method: string, params: object, id?: number) => writer.write({ jsonrpc: '2.0', method, params, ...(id && { id }) });
      const answerTo = (id: number) => replies.find((reply) => 'id' in reply && reply.id === id);

      await send('initialize', { protocolVersion: 1 }, 1);
      await until(() => answerTo(1) !== undefined);
      void send('session/cancel', { sessionId });
      void send('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'slow:600' }] }, 2);
      void send('session/cancel', { sessionId });
      await until(() => answerTo(2) !== undefined);
      expect(answerTo(2)).toMatchObject({ result: { stopReason: 'cancelled' } });
    });

    it('answers a request that is cancelled as such', async () => {
      const abort = new AbortController();
      const request = { sessionId: await bench.newSession(), prompt: [{ type: 'text' as const, text: 'slow:600' }] };
      const turn = client.agent.request<{ stopReason: string }>('session/prompt', request, { cancellationSignal: abort.signal });
      await until(() => client.messages.length > 0);
      abort.abort();
      expect(await turn).toMatchObject({ stopReason: 'cancelled' });
    });
  });
});
