import type { FromConsole, ToConsole, ViewerKey } from '../api/types';

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8000;
/** Three missed beats: the line is dead although nobody closed it. */
const SILENCE_MS = 6000;

export interface LiveEvents {
  message(message: ToConsole): void;
  connected(yes: boolean): void;
}

/** The console's line to its hub: hello, then messages; comes back by itself with growing patience. */
export class LiveSocket {
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private heard = performance.now();
  private stopped = false;

  constructor(
    private readonly url: string,
    private readonly who: { agency: string; name: string; key: ViewerKey },
    private readonly events: LiveEvents,
  ) {}

  open(): void {
    this.stopped = false;
    this.watch ??= setInterval(() => this.dropIfSilent(), 1000);
    this.connect();
  }

  close(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.watch = undefined;
    this.socket?.close();
  }

  /** Sends while the line stands; reports of frames that nobody can hear are dropped. */
  send(message: FromConsole): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Milliseconds since the hub was last heard. */
  get silence_ms(): number {
    return performance.now() - this.heard;
  }

  private connect(): void {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.send({ type: 'hello', ...this.who });
    socket.onmessage = (event: MessageEvent<unknown>) => this.hear(socket, event.data);
    socket.onclose = () => this.lost(socket);
  }

  private hear(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket || typeof data !== 'string') return;
    const message = JSON.parse(data) as ToConsole;
    this.heard = performance.now();
    if (message.type === 'snapshot') {
      this.wait = FIRST_WAIT_MS;
      this.events.connected(true);
    }
    this.events.message(message);
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.events.connected(false);
    if (this.stopped) return;
    this.timer = setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private dropIfSilent(): void {
    if (this.socket?.readyState !== WebSocket.OPEN || this.silence_ms < SILENCE_MS) return;
    const socket = this.socket;
    this.heard = performance.now();
    this.lost(socket);
    socket.close();
  }
}

/** The hub's own address with the scheme of a socket. */
export function socketUrl(path: string, at: Location = location): string {
  return `${at.protocol === 'https:' ? 'wss' : 'ws'}://${at.host}${path}`;
}
