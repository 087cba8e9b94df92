import { MediaType, type MediaMessage } from './media';

/** Fragments that may wait; beyond it all of them go and play goes on from the next key frame. */
const QUEUE_LIMIT = 120;
/** Farther behind the newest picture than this, the player jumps. */
const BEHIND_LIMIT_S = 1;
const LAND_BEHIND_S = 0.1;
const KEEP_S = 6;
const TRIM_BEYOND_S = 12;

/** Feeds a video element by Media Source and keeps it at the live edge. */
export class LiveBuffer {
  private readonly source = new MediaSource();
  private readonly url = URL.createObjectURL(this.source);
  private readonly queue: MediaMessage[] = [];
  private buffer: SourceBuffer | null = null;
  private epoch = -1;
  private waitsForKey = true;
  private newest_ms = 0;
  /** Fragments thrown away because the browser did not keep up. */
  dropped = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly mime: string,
  ) {
    this.source.addEventListener('sourceopen', () => this.attach(), { once: true });
    video.src = this.url;
  }

  static canPlay(mime: string): boolean {
    return 'MediaSource' in globalThis && MediaSource.isTypeSupported(mime);
  }

  push(message: MediaMessage): void {
    if (!this.belongs(message)) return;
    if (this.queue.length >= QUEUE_LIMIT) {
      this.dropped += this.queue.length;
      this.queue.length = 0;
      this.waitsForKey = true;
      return;
    }
    this.queue.push(message);
    this.pump();
  }

  /** How old the picture on the screen is, by the source's clock. */
  age_ms(now_ms: number): number {
    return now_ms - this.newest_ms + this.behind_s() * 1000;
  }

  close(): void {
    this.queue.length = 0;
    this.buffer = null;
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.url);
  }

  private belongs(message: MediaMessage): boolean {
    if (message.type === MediaType.Init) {
      this.epoch = message.epoch;
      this.waitsForKey = true;
      return true;
    }
    if (message.epoch !== this.epoch) return false;
    if (message.type === MediaType.KeyFragment) this.waitsForKey = false;
    return !this.waitsForKey;
  }

  private attach(): void {
    this.buffer = this.source.addSourceBuffer(this.mime);
    // Every source begins its own count of time; the buffer lays fragments end to end instead.
    this.buffer.mode = 'sequence';
    this.buffer.addEventListener('updateend', () => this.pump());
    this.pump();
  }

  private pump(): void {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || this.source.readyState !== 'open') return;
    this.keepLive();
    if (this.trim(buffer)) return;
    const next = this.queue.shift();
    if (!next) return;
    try {
      buffer.appendBuffer(next.payload);
      if (next.type !== MediaType.Init) this.newest_ms = next.captured_ms;
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'QuotaExceededError')) throw error;
      this.waitsForKey = true;
      buffer.remove(0, Math.max(0.01, this.video.currentTime - 1));
    }
  }

  private trim(buffer: SourceBuffer): boolean {
    const now = this.video.currentTime;
    if (!buffer.buffered.length || now - buffer.buffered.start(0) < TRIM_BEYOND_S) return false;
    buffer.remove(0, now - KEEP_S);
    return true;
  }

  private keepLive(): void {
    const { video } = this;
    const ranges = video.buffered;
    if (!ranges.length) return;
    const end = ranges.end(ranges.length - 1);
    const start = ranges.start(ranges.length - 1);
    if (video.currentTime < start || end - video.currentTime > BEHIND_LIMIT_S) {
      video.currentTime = Math.max(start, end - LAND_BEHIND_S);
    }
    if (video.paused) void video.play().catch(() => undefined);
  }

  private behind_s(): number {
    const ranges = this.video.buffered;
    return ranges.length ? ranges.end(ranges.length - 1) - this.video.currentTime : 0;
  }
}
