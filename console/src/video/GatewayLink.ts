import type { GrantView } from '../api/types';
import { socketUrl } from '../live/LiveSocket';
import type { ConsoleKey } from './key';
import { parseMedia, type FromGateway, type MediaMessage } from './media';

const CHALLENGE_WITHIN_MS = 2000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 4000;
/** After these the owner has said its last word; after any other the pictures may come back. */
const FINAL_ENDS: ReadonlySet<string> = new Set(['closed', 'hard_end']);
const FINAL_REFUSALS: ReadonlySet<string> = new Set([
  'grant.audience',
  'grant.camera',
  'grant.closed',
  'grant.expired',
  'grant.signature',
  'policy.denied',
  'proof.signature',
]);

export type Way = 'direct' | 'relay';

export interface LinkEvents {
  accepted(mime: string, way: Way): void;
  media(message: MediaMessage): void;
  refused(code: string): void;
  ended(reason: string): void;
}

/**
 * One viewer's line to an owner's gateway: straight, or over the hub's relay where that is slow.
 *
 * Tries again, with growing patience, until the owner's last word, the grant's hard end, or ``close``.
 */
export class GatewayLink {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT_MS;
  private way: Way = 'direct';
  private stopped = false;

  constructor(
    private readonly grant: GrantView,
    private readonly key: ConsoleKey,
    private readonly events: LinkEvents,
  ) {}

  open(): void {
    if (this.stopped) return;
    this.way = 'direct';
    if (this.grant.gateway) this.connect(this.grant.gateway, () => this.openRelay());
    else this.openRelay();
  }

  /** Gives up a line that went silent, and opens another. */
  reopen(): void {
    this.drop();
    this.retryLater();
  }

  close(): void {
    this.stopped = true;
    this.drop();
  }

  /** Tells the gateway that the first frame stands on the screen. */
  reportFirstFrame(shown_at_ms: number): void {
    this.sendJson({ type: 'first_frame', shown_at_ms: Math.round(shown_at_ms) });
  }

  private drop(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private openRelay(): void {
    if (this.stopped) return;
    this.way = 'relay';
    this.connect(socketUrl(this.grant.relay), () => this.retryLater());
  }

  private retryLater(): void {
    if (this.stopped || Date.now() > Date.parse(this.grant.hard_end)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private connect(url: string, otherwise: () => void): void {
    const socket = openSocket(url);
    if (!socket) return otherwise();
    this.socket = socket;
    let challenged = false;
    const giveUp = () => {
      // The close of a line given up earlier may come late: the timer is another's by then.
      if (this.socket !== socket) return;
      clearTimeout(this.timer);
      this.socket = null;
      socket.close();
      if (challenged) this.retryLater();
      else otherwise();
    };
    this.timer = setTimeout(giveUp, CHALLENGE_WITHIN_MS);
    socket.onclose = giveUp;
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.socket !== socket) return;
      if (!challenged) clearTimeout(this.timer);
      challenged = true;
      this.hear(event.data);
    };
  }

  private hear(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      const message = parseMedia(data);
      if (message) this.events.media(message);
    } else if (typeof data === 'string') {
      this.hearText(JSON.parse(data) as FromGateway);
    }
  }

  private hearText(message: FromGateway): void {
    switch (message.type) {
      case 'challenge':
        void this.present(message.audience, message.nonce);
        return;
      case 'accepted':
        this.wait = FIRST_WAIT_MS;
        this.events.accepted(message.mime, this.way);
        return;
      case 'refused':
        this.over(FINAL_REFUSALS.has(message.code));
        this.events.refused(message.code);
        return;
      case 'ended':
        this.over(FINAL_ENDS.has(message.reason));
        this.events.ended(message.reason);
        return;
    }
  }

  private async present(audience: string, nonce: string): Promise<void> {
    const proof = await this.key.sign(audience, this.grant.id, nonce);
    this.sendJson({ type: 'present', grant: this.grant.token, proof });
  }

  private over(forGood: boolean): void {
    if (forGood) this.close();
    else this.reopen();
  }

  private sendJson(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

/** A socket for binary buffers; null where the browser forbids the address (mixed content). */
function openSocket(url: string): WebSocket | null {
  try {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    return socket;
  } catch {
    return null;
  }
}
