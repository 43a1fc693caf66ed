import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, ApprovalRequests } from '../approvals/approval-requests.service.js';
import type { Answer, NewApproval } from '../approvals/approval.types.js';

const RETRY_MS = 1_000;

/** Tells an agent the answer to its question; does nothing where it has one. Resolves when its host has it. */
export type Answering = (answer: Answer) => Promise<void>;

/** Brings the questions of agents to people, and their answers back: each once, also over a restart that the agent survives. */
@Injectable()
export class AgentQuestions {
  private readonly logger = new Logger(AgentQuestions.name);
  private readonly hosts = new Map<string, Answering>();

  constructor(private readonly approvals: ApprovalRequests) {}

  /** From now on answers reach this host; what was answered before does at once. */
  open(hostId: string, answering: Answering): void {
    this.hosts.set(hostId, answering);
    void this.catchUp(hostId);
  }

  /** The agent is gone. */
  close(hostId: string): void {
    this.hosts.delete(hostId);
  }

  /** False: nobody is asked, since the session is over. @throws what hinders the database: the same call may be repeated */
  async ask(question: NewApproval): Promise<boolean> {
    return (await this.approvals.request(question)) !== null;
  }

  /** Nobody needs to answer what the agent of a session has asked. */
  async giveUp(sessionId: string, why: string): Promise<void> {
    await this.approvals.cancelAll(sessionId, why);
  }

  /** Tells the agent, where it is here and was not told yet. */
  async deliver(approvalId: string): Promise<void> {
    const approval = await this.approvals.find(approvalId);
    const answer = approval && approval.deliveredAt === null ? answerOf(approval) : null;
    if (answer && typeof approval?.hostId === 'string') this.tell(approval.hostId, answer);
  }

  /** Nobody waits for it: whoever did not hear of it is told when it is reached again. */
  private tell(hostId: string, answer: Answer): void {
    const { approvalId } = answer;
    this.hosts
      .get(hostId)?.(answer)
      .then(() => this.approvals.noteDelivered(approvalId))
      .catch((error: unknown) => this.logger.debug({ msg: 'an answer was not heard', hostId, approvalId, err: error }));
  }

  private async catchUp(hostId: string): Promise<void> {
    while (this.hosts.has(hostId)) {
      try {
        for (const answer of await this.approvals.answersFor(hostId)) this.tell(hostId, answer);
        return;
      } catch (error) {
        this.logger.warn({ msg: 'answers to an agent wait: they could not be read', hostId, err: error });
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }
}
