import type { AgentCapabilities } from '@agentclientprotocol/sdk';
import { Logger } from '@nestjs/common';
import { capabilitiesOf } from '../../../agents/agent-profile.types.js';
import { type AgentHost, AgentRequestError, type ConversationRequest, type OpenedConversation } from '../../host/agent-host.types.js';
import type { LaunchSpec } from '../../runtime.types.js';
import { textOfFailure } from './acp-outcome.js';

const logger = new Logger('AcpConversation');

/**
 * Opens the conversation of a session: the earlier one where there is one and the agent can go on with it, else a new one.
 * @throws AgentRequestError, AgentGoneError
 */
export async function converse(
  host: AgentHost,
  { session, profile }: Pick<LaunchSpec, 'session' | 'profile'>,
  { capabilities, ...request }: ConversationRequest & { readonly capabilities: AgentCapabilities },
): Promise<{ opened: OpenedConversation; isContinued: boolean }> {
  const { id: sessionId, agentSessionId, contextDue } = session;
  const how = contextDue === 'native' && capabilitiesOf(profile).resume ? resumedHow(capabilities) : null;
  if (how !== null && agentSessionId !== null)
    try {
      return { opened: await host.resumeConversation(agentSessionId, how, request), isContinued: true };
    } catch (error) {
      // It may have forgotten it, or clean up after itself.
      if (!(error instanceof AgentRequestError)) throw error;
      logger.warn({ msg: 'an agent could not go on with its conversation', sessionId, agentSessionId, reason: textOfFailure(error) });
    }
  return { opened: await host.newConversation(request), isContinued: false };
}

function resumedHow({ sessionCapabilities, loadSession }: AgentCapabilities): 'resume' | 'load' | null {
  if (sessionCapabilities?.resume) return 'resume';
  return loadSession === true ? 'load' : null;
}
