import { methods, PROTOCOL_VERSION } from '@agentclientprotocol/sdk';
import { isRecord, type RawMessage } from './acp-wire.js';
import { type AgentDescription, AgentRequestError, type PromptAnswer } from './agent-host.types.js';

/** The answer to `initialize`, which the SDK does not look into. @throws AgentRequestError for another version of the protocol */
export function descriptionOf(answer: unknown): AgentDescription {
  const { protocolVersion, agentCapabilities, agentInfo } = isRecord(answer) ? answer : {};
  if (protocolVersion !== PROTOCOL_VERSION)
    throw new AgentRequestError(
      methods.agent.initialize,
      0,
      `it speaks version ${JSON.stringify(protocolVersion)} of the Agent Client Protocol, not ${PROTOCOL_VERSION}`,
    );
  const info = isRecord(agentInfo) ? agentInfo : {};
  return {
    capabilities: isRecord(agentCapabilities) ? agentCapabilities : {},
    name: textOrNull(info['name']),
    version: textOrNull(info['version']),
  };
}

/** The answer to `session/prompt`, as it came over the wire. */
export function answerOf(message: RawMessage): PromptAnswer {
  const { result, error } = message;
  if (isRecord(error)) {
    const { code, message: text, data } = error;
    return { error: { code: typeof code === 'number' ? code : 0, message: textOrNull(text) ?? 'the agent gave no reason', data } };
  }
  const { stopReason, usage } = isRecord(result) ? result : {};
  return { stopReason: textOrNull(stopReason) ?? 'end_turn', usage };
}

export const textOrNull = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
