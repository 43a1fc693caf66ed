import { isJsonObject, parseObject } from '../core/json.js';
import type { ApprovalOption, Decision } from './approval.types.js';
import type { ApprovalEntity } from './persistence/approval.entity.js';

/** The answers it offers. */
export function optionsOf({ options }: Pick<ApprovalEntity, 'options'>): ApprovalOption[] {
  const list: unknown = JSON.parse(options);
  if (!Array.isArray(list)) return [];
  return list
    .filter(isJsonObject)
    .map(({ optionId, name, kind }) => ({ optionId: String(optionId), name: String(name), kind: String(kind) }));
}

/** What was chosen; null where nothing was. */
export function decisionOf({ decision }: Pick<ApprovalEntity, 'decision'>): Decision | null {
  if (decision === null) return null;
  const { optionId, text, edits } = parseObject(decision);
  return {
    optionId: String(optionId),
    ...(typeof text === 'string' ? { text } : {}),
    ...(isJsonObject(edits) ? { edits } : {}),
  };
}
