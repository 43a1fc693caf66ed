import { deferred } from '../../../core/deferred.js';
import { newId } from '../../../core/ids.js';
import { hasEnvironment } from '../../../core/process/proc-stat.js';
import { spawnGroup, SpawnError } from '../../../core/process/spawn-group.js';
import type { LaunchSpec, ProcessExit, RunningAgent, TurnOutcome, TurnRequest } from '../../runtime.types.js';
import type { SessionRecorder } from '../../session-recorder.service.js';
import { ProcessTurn } from './process-turn.js';
import { promptedCommand, promptText } from './prompt-text.js';
import type { StreamEvent } from './stream-translator.js';

/** A command that is run once a turn; between turns no process is there. */
export class ProcessAgent implements RunningAgent {
  readonly capabilities = { interrupt: true, resume: false };
  readonly exited = new Promise<ProcessExit>(() => undefined);
  private turn: ProcessTurn | null = null;
  private over: Promise<ProcessExit | null> = Promise.resolve(null);
  private isInterrupted = false;

  constructor(
    private readonly spec: LaunchSpec,
    private readonly recorder: SessionRecorder,
    private readonly stopGraceMs: number,
  ) {}

  async prompt(request: TurnRequest): Promise<TurnOutcome> {
    const ended = deferred<ProcessExit | null>();
    this.over = ended.promise;
    this.isInterrupted = false;
    let outcome: TurnOutcome | null = null;
    try {
      outcome = await this.run(request);
      return outcome;
    } catch (error) {
      if (!(error instanceof SpawnError)) throw error;
      return { state: 'failed', error: spawnFailure(this.spec, error) };
    } finally {
      this.turn = null;
      this.over = Promise.resolve(null);
      ended.resolve(outcome?.exit ?? null);
    }
  }

  async interrupt(): Promise<void> {
    this.isInterrupted = true;
    await this.turn?.interrupt();
  }

  async stop(): Promise<ProcessExit | null> {
    await this.interrupt();
    return this.over;
  }

  private async run({ turn, content, onDelivered }: TurnRequest): Promise<TurnOutcome> {
    const { profile, program, session, env, onProcess, onAgentSession } = this.spec;
    const record = this.recording(turn);
    const text = promptText(content);
    if (text === null) {
      await record([{ type: 'log', payload: { level: 'error', text: 'a command takes text only: the prompt was not sent' } }]);
      return { state: 'cancelled', stopReason: 'not_supported' };
    }
    const { args, stdin } = promptedCommand(profile.command.slice(1), text);
    const group = await spawnGroup({ program, args, cwd: session.projectDir, env });
    const belongs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', session.id);
    const run = new ProcessTurn(group, { output: profile.output, stopGraceMs: this.stopGraceMs, belongs, record });
    this.turn = run;
    const outcome = run.run();
    try {
      await onProcess(group);
    } catch (error) {
      await Promise.all([run.interrupt(), outcome]);
      throw error;
    }
    if (this.isInterrupted) await run.interrupt();
    group.stdin.end(stdin ?? undefined, onDelivered);
    const result = await outcome;
    await onProcess(null);
    if (run.agentSessionId !== null) await onAgentSession(run.agentSessionId);
    return result;
  }

  /** Events of one run have ids of their own, in the order in which they came. */
  private recording(turn: number): (events: readonly StreamEvent[]) => Promise<void> {
    const { id } = this.spec.session;
    const run = newId();
    let n = 0;
    return (events) =>
      this.recorder.recordPersistently(
        id,
        events.map(({ type, payload }) => ({
          draft: { id: `${run}:${++n}`, type, payload, turn, source: 'system', actor: `agent:${id}` },
        })),
      );
  }
}

/** E2BIG: on Linux one argument may have 128 KiB (MAX_ARG_STRLEN, execve(2)). */
const spawnFailure = ({ profile }: LaunchSpec, { code }: SpawnError): string =>
  code === 'E2BIG'
    ? `The prompt is too long for an argument of "${profile.name}". Take {prompt} out of the profile's command, so that it is written to stdin.`
    : `The command of the agent profile "${profile.name}" could not be started (${code}). Is its directory there, and is it a program for this machine?`;
