import { IsText } from '../../core/http/validators.js';

export class LoginQuery {
  /** The code of the link. @example 'q0Zr…' */
  @IsText({ min: 1, max: 128 })
  code: string;
}
