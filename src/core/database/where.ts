import { placeholders } from './dialect.js';

/** The conditions of a statement written with `?`, and their parameters in that order. */
export class Where {
  static readonly anything = new Where([], []);

  private constructor(
    private readonly conditions: readonly string[],
    readonly parameters: readonly unknown[],
  ) {}

  get sql(): string {
    return this.conditions.length === 0 ? '' : ` where ${this.conditions.join(' and ')}`;
  }

  and(condition: string, ...parameters: readonly unknown[]): Where {
    return new Where([...this.conditions, condition], [...this.parameters, ...parameters]);
  }

  /** Nothing is in an empty list. */
  in(expression: string, values: readonly unknown[]): Where {
    return values.length === 0 ? this.and('1 = 0') : this.and(`${expression} in ${placeholders(1, values.length)}`, ...values);
  }
}

/** Text that has `part` in it, for `like … escape '!'`. */
export const containing = (part: string): string => `%${escaped(part)}%`;
export const beginningWith = (part: string): string => `${escaped(part)}%`;

const escaped = (text: string): string => text.replace(/[!%_]/g, '!$&');
