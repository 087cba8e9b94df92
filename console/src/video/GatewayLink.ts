import type { GrantView } from '../api/types';
import { socketUrl } from '../live/LiveSocket';
import type { ConsoleKey } from './key';
import { parseMedia, type FromGateway, type MediaMessage } from './media';

const CHALLENGE_WITHIN_MS = 1000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 4000;
/** After these the owner has said its last word; any other end may be a source that comes back. */
const FINAL_ENDS: ReadonlySet<string> = new Set(['closed', 'lease_ran_out', 'hard_end', 'viewer_left']);

export interface LinkEvents {
  accepted(mime: string): void;
  media(message: MediaMessage): void;
  refused(code: string): void;
  ended(reason: string): void;
}

/** One viewer's line to an owner's gateway: straight, or over the hub's relay where that is slow. */
export class GatewayLink {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT_MS;
  private stopped = false;

  constructor(
    private readonly grant: GrantView,
    private readonly key: ConsoleKey,
    private readonly events: LinkEvents,
  ) {}

  open(): void {
    this.connect(this.grant.gateway, () => this.openRelay());
  }

  close(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  /** Tells the gateway that the first frame stands on the screen. */
  reportFirstFrame(shown_at_ms: number): void {
    this.sendJson({ type: 'first_frame', shown_at_ms: Math.round(shown_at_ms) });
  }

  private openRelay(): void {
    if (!this.stopped) this.connect(socketUrl(this.grant.relay), () => this.retryLater());
  }

  private retryLater(): void {
    if (this.stopped || Date.now() > Date.parse(this.grant.hard_end)) return;
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private connect(url: string, otherwise: () => void): void {
    const socket = openSocket(url);
    if (!socket) return otherwise();
    this.socket = socket;
    let challenged = false;
    const giveUp = () => {
      clearTimeout(this.timer);
      if (this.socket !== socket) return;
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
        this.events.accepted(message.mime);
        return;
      case 'refused':
        this.close();
        this.events.refused(message.code);
        return;
      case 'ended':
        this.end(message.reason);
        return;
    }
  }

  private async present(audience: string, nonce: string): Promise<void> {
    const proof = await this.key.sign(audience, this.grant.id, nonce);
    this.sendJson({ type: 'present', grant: this.grant.token, proof });
  }

  private end(reason: string): void {
    this.events.ended(reason);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    if (FINAL_ENDS.has(reason)) this.stopped = true;
    else this.retryLater();
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
