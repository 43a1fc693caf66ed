import { canSee, type Visibility, type Visible } from '../../auth/principal.types.js';
import { outFrame } from '../frames.types.js';
import type { OutFrame } from '../out-frame.js';

/** What a stream is about, for as long as it is in sight of its reader. */
export interface Sight {
  isIn(visibility: Visibility): boolean;
  /** A workspace is no longer there: what belonged to it belongs to its owner. */
  forgetWorkspace(workspaceId: string): void;
  /** Tells the reader that it is out of sight. */
  withdrawn(subscription?: string): OutFrame;
}

/** One session. */
export class SessionSight implements Sight {
  constructor(
    private subject: Visible,
    private readonly sessionId: string,
  ) {}

  isIn(visibility: Visibility): boolean {
    return canSee(visibility, this.subject);
  }

  forgetWorkspace(workspaceId: string): void {
    if (this.subject.workspaceId === workspaceId) this.subject = { ...this.subject, workspaceId: null };
  }

  withdrawn(subscription?: string): OutFrame {
    return outFrame({ type: 'access_withdrawn', sessionId: this.sessionId, ...(subscription === undefined ? {} : { subscription }) });
  }
}

/** What happens in one workspace. */
export class WorkspaceSight implements Sight {
  private isGone = false;

  constructor(private readonly workspaceId: string) {}

  isIn(visibility: Visibility): boolean {
    return !this.isGone && (visibility.all || visibility.workspaceIds.includes(this.workspaceId));
  }

  forgetWorkspace(workspaceId: string): void {
    this.isGone ||= workspaceId === this.workspaceId;
  }

  withdrawn(subscription?: string): OutFrame {
    return outFrame({ type: 'access_withdrawn', workspaceId: this.workspaceId, ...(subscription === undefined ? {} : { subscription }) });
  }
}

/** Everything there is to see: it becomes more or less, and never ends. */
export const EVERYTHING: Sight = {
  isIn: () => true,
  forgetWorkspace: () => undefined,
  withdrawn: () => {
    throw new Error('Everything there is to see is never out of sight.');
  },
};
