import { Logger } from '@nestjs/common';
import type { RawData, WebSocket } from 'ws';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import { PrincipalResponse } from '../../auth/dto/principal.response.js';
import type { AccessWatcher, LiveAccess } from '../../auth/live-access.state.js';
import type { Principal } from '../../auth/principal.types.js';
import { DomainError } from '../../core/errors/domain.error.js';
import { problemOf } from '../../core/errors/problem.js';
import { requestContext } from '../../core/http/request-context.js';
import { newId } from '../../core/ids.js';
import { VERSION } from '../../core/version.js';
import { CLOSE } from '../../core/websocket/close-codes.js';
import { type InFrame, readFrame } from '../../core/websocket/frame-reader.js';
import { FrameError, type FrameId } from '../../core/websocket/websocket.errors.js';
import { errorFrame } from '../error-frame.js';
import { outFrame } from '../frames.types.js';
import type { RealtimeLimits } from '../realtime-limits.js';
import type { ConnectionContext } from './command.js';
import { AUTH, COMMAND_SPECS } from './command-specs.js';
import type { Commands } from './commands.service.js';
import { Lanes } from './lanes.js';
import type { SocketOutlet } from './socket-outlet.js';

export interface ConnectionSources {
  readonly commands: Commands;
  readonly limits: RealtimeLimits;
  /** @throws UnauthenticatedError, TooManyAttemptsError, TooManyStreamsError */
  readonly authenticate: (credential: string) => Promise<Principal>;
  /** Follows what its principal may do from now on. */
  readonly watch: (principal: Principal, watcher: AccessWatcher) => LiveAccess;
  /** What a connection has once it is known whose it is. */
  readonly contextOf: (live: LiveAccess) => ConnectionContext;
}

/** A connection that is known. */
interface Entered extends ConnectionContext {
  readonly live: LiveAccess;
}

const LARGE = COMMAND_SPECS.flatMap(({ type, isLarge }) => (isLarge ? [type] : []));

/**
 * One WebSocket: reads its frames, lets nothing be done before it is known whose it is, and answers every frame, with an `error`
 * where nothing else fits. While too much is under way, or its answers are not taken, nothing more is read from it.
 */
export class Connection {
  private readonly logger = new Logger(Connection.name);
  private readonly lanes = new Lanes();
  private entered: Entered | undefined;
  private isAuthenticating = false;
  /** Frames that came while credentials were being checked. */
  private early: { readonly frame: InFrame; readonly bytes: number }[] = [];
  private underWay = 0;
  private bytesUnderWay = 0;
  private isDraining = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly outlet: SocketOutlet,
    private readonly sources: ConnectionSources,
  ) {
    socket.on('message', (data: RawData, isBinary: boolean) => this.receive(bufferOf(data), isBinary));
  }

  /** Whose it is, where its upgrade said so; else it has `authMs` to say so. */
  start(principal: Principal | undefined): void {
    if (principal) return this.enter(principal, undefined);
    const late = setTimeout(() => {
      if (!this.entered) this.outlet.close(CLOSE.unauthenticated, 'no auth frame in time');
    }, this.sources.limits.authMs);
    this.socket.once('close', () => clearTimeout(late));
  }

  private receive(data: Buffer, isBinary: boolean): void {
    if (this.outlet.isClosed) return;
    try {
      const frame = readFrame(data, isBinary, { large: this.entered ? LARGE : [] });
      this.dispatch(frame, data.length);
    } catch (error) {
      this.refuse(error, error instanceof FrameError ? error.requestId : undefined);
      this.regulate();
    }
  }

  private dispatch(frame: InFrame, bytes: number): void {
    if (frame.type === AUTH.type) return void this.authenticate(frame);
    if (!this.entered) {
      if (!this.isAuthenticating) return this.refuse(new UnauthenticatedError(), frame.id);
      this.early.push({ frame, bytes });
      this.begin(bytes);
      return;
    }
    this.begin(bytes);
    void this.handle(this.entered, frame).finally(() => this.done(bytes));
  }

  /** Every frame is a request of its own, with an id for the log and the audit. */
  private handle(entered: Entered, frame: InFrame): Promise<void> {
    return requestContext.run({ requestId: newId(), principalId: entered.live.principal.id }, () => this.carryOut(entered, frame));
  }

  private async carryOut({ live, ...shared }: Entered, { type, id, fields }: InFrame): Promise<void> {
    try {
      const command = this.sources.commands.find(type);
      if (!command) throw unknownType(type);
      const { spec } = command;
      this.sources.commands.assertMay(live.principal, command);
      const { sessionId } = fields;
      const lane = spec.order === 'connection' ? 'connection' : spec.order === 'session' ? `session ${String(sessionId)}` : undefined;
      await this.lanes.run(lane, async () => {
        const prepared = await command.prepare(fields);
        // As it is when its turn has come: what it may do can have changed while it waited.
        const { now } = live;
        const principal = now instanceof Promise ? await now : now;
        const {
          data = {},
          frame,
          isReplayed,
          afterwards,
        } = await prepared.run({ ...shared, principal, ...(id === undefined ? {} : { id }) });
        const replayed = isReplayed ? ({ replayed: true } as const) : {};
        this.outlet.send(frame ?? outFrame({ type: 'reply', ...(id === undefined ? {} : { id }), ok: true, ...replayed, data }));
        await afterwards?.();
      });
    } catch (error) {
      this.refuse(error, id);
    }
  }

  private async authenticate({ id, fields }: InFrame): Promise<void> {
    try {
      const { token } = AUTH.fields.parse(fields);
      if (this.entered || this.isAuthenticating)
        throw new FrameError('invalid_frame', 'This connection is authenticated, or about to be.', {
          remedy: 'Open another connection for somebody else.',
        });
      this.isAuthenticating = true;
      const principal = await this.sources.authenticate(token);
      if (!this.outlet.isClosed) this.enter(principal, id);
    } catch (error) {
      const isForm = !(error instanceof DomainError) && error instanceof Error && error.name === 'ZodError';
      this.refuse(
        isForm
          ? new FrameError('invalid_frame', 'token: must be a string.', { issues: [{ path: 'token', message: 'must be a string' }] })
          : error,
        id,
      );
      if (error instanceof UnauthenticatedError) this.outlet.close(CLOSE.unauthenticated, 'credentials are not valid');
    } finally {
      this.isAuthenticating = false;
      this.regulate();
    }
  }

  private enter(principal: Principal, id: FrameId | undefined): void {
    const live = this.sources.watch(principal, {
      held: (deletedWorkspaceId) => {
        if (deletedWorkspaceId !== undefined) this.entered?.subscriptions.forgetWorkspace(deletedWorkspaceId);
        this.outlet.hold();
      },
      changed: () => {
        this.entered?.subscriptions.review();
        this.outlet.letGo();
      },
      ended: (error) => this.outlet.endAccess(error),
    });
    this.outlet.onClose(() => live.close());
    const entered = { live, ...this.sources.contextOf(live) };
    this.entered = entered;
    this.outlet.send(
      outFrame({
        type: 'hello',
        ...(id === undefined ? {} : { id }),
        server: { name: 'muster', version: VERSION },
        principal: PrincipalResponse.of(principal),
      }),
    );
    const { early } = this;
    this.early = [];
    for (const { frame, bytes } of early) void this.handle(entered, frame).finally(() => this.done(bytes));
  }

  private refuse(error: unknown, id: FrameId | undefined): void {
    if (error instanceof DomainError) return this.outlet.send(errorFrame(problemOf(error), id));
    const requestId = requestContext.getStore()?.requestId ?? newId();
    this.logger.error({ msg: 'a frame failed', err: error, requestId });
    this.outlet.send(errorFrame(problemOf(error, requestId), id));
  }

  private begin(bytes: number): void {
    this.underWay += 1;
    this.bytesUnderWay += bytes;
    this.regulate();
  }

  private done(bytes: number): void {
    this.underWay -= 1;
    this.bytesUnderWay -= bytes;
    this.regulate();
  }

  /** Reads on only while what is under way and what was answered stay bounded. */
  private regulate(): void {
    if (this.outlet.isClosed) return;
    if (this.outlet.isCongested && !this.isDraining) {
      this.isDraining = true;
      void this.outlet.drained().then(() => {
        this.isDraining = false;
        this.regulate();
      });
    }
    const { requestsUnderWay, requestBytesUnderWay } = this.sources.limits;
    const isFull = this.isDraining || this.underWay > requestsUnderWay || this.bytesUnderWay > requestBytesUnderWay;
    if (isFull && !this.socket.isPaused) this.socket.pause();
    else if (!isFull && this.socket.isPaused) this.socket.resume();
  }
}

const bufferOf = (data: RawData): Buffer => (Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data));

const unknownType = (type: string): FrameError =>
  new FrameError('unknown_type', `There is no request of the type ${JSON.stringify(type.slice(0, 64))}.`, {
    remedy: `Use one of: ${COMMAND_SPECS.map((spec) => spec.type).join(', ')}.`,
  });
