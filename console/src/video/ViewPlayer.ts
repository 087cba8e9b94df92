import type { GrantView } from '../api/types';
import { GatewayLink, type Way } from './GatewayLink';
import type { ConsoleKey } from './key';
import { LiveBuffer } from './LiveBuffer';
import { MediaType, type MediaMessage } from './media';

const WATCH_MS = 250;

export type PlayerState = 'waiting' | 'still' | 'live' | 'lost' | 'ended' | 'refused';

export interface PlayerEvents {
  /** ``why`` is the code behind ``refused``, the reason behind ``ended`` or ``lost``; else empty. */
  state(state: PlayerState, why: string): void;
  stillShown(): void;
  eyesOn(): void;
}

/**
 * One view on the screen: a still at once, then live pictures, until somebody ends it.
 *
 * Draws into ``host`` and says there how it stands: ``data-camera``, ``data-state``, ``data-frames``,
 * ``data-way``. A right is a lease: where an owner falls silent for that long, nothing of its picture
 * stays on the screen, whether or not anybody said that it ended.
 */
export class ViewPlayer {
  private readonly video = document.createElement('video');
  private readonly still = document.createElement('img');
  private readonly link: GatewayLink;
  private buffer: LiveBuffer | null = null;
  private stillUrl = '';
  private frames = 0;
  private frameAt_ms = 0;
  private heardAt_ms = performance.now();
  private readonly watch: ReturnType<typeof setInterval>;
  private stillTold = false;
  private stopped = false;
  state: PlayerState = 'waiting';

  constructor(
    private readonly host: HTMLElement,
    grant: GrantView,
    key: ConsoleKey,
    private readonly lease_ms: number,
    private readonly events: PlayerEvents,
  ) {
    this.prepare(grant.camera);
    this.watch = setInterval(() => this.clearIfSilent(), WATCH_MS);
    this.link = new GatewayLink(grant, key, {
      accepted: (mime, way) => this.accept(mime, way),
      media: (message) => this.take(message),
      refused: (code) => this.finish('refused', code),
      ended: (reason) => this.finish('ended', reason),
    });
    this.link.open();
  }

  /** Ends it from this side; nothing stays on the screen. */
  stop(): void {
    this.stopped = true;
    clearInterval(this.watch);
    this.link.close();
    this.clear();
    this.video.remove();
    this.still.remove();
  }

  /** Age of the picture on the screen; null before the first one. */
  age_ms(now_ms: number): number | null {
    return this.state === 'live' && this.buffer ? this.buffer.age_ms(now_ms) : null;
  }

  /** Time since the last new picture; null while none is expected. */
  quiet_ms(): number | null {
    return this.state === 'live' ? performance.now() - this.frameAt_ms : null;
  }

  private prepare(camera: string): void {
    const { host, video, still } = this;
    host.dataset['camera'] = camera;
    host.dataset['frames'] = '0';
    video.muted = true;
    video.playsInline = true;
    video.autoplay = true;
    video.disablePictureInPicture = true;
    video.tabIndex = -1;
    still.alt = '';
    still.hidden = true;
    video.addEventListener('error', () => this.startAfresh());
    host.append(video, still);
    this.become('waiting', '');
  }

  private clearIfSilent(): void {
    if (this.state !== 'live' && this.state !== 'still') return;
    if (performance.now() - this.heardAt_ms < this.lease_ms) return;
    this.finish('lost', 'silent');
    this.link.reopen();
  }

  private accept(mime: string, way: Way): void {
    this.host.dataset['way'] = way;
    this.buffer?.close();
    this.buffer = null;
    if (!LiveBuffer.canPlay(mime)) {
      this.link.close();
      return this.finish('refused', 'video.codec');
    }
    if (this.state === 'live') this.become('waiting', '');
    this.buffer = new LiveBuffer(this.video, mime);
    this.awaitFrame(this.buffer);
  }

  /** The browser gave up on the stream: a new session begins with a new key frame. */
  private startAfresh(): void {
    if (!this.buffer || this.stopped) return;
    this.finish('lost', 'decoder');
    this.link.reopen();
  }

  private take(message: MediaMessage): void {
    this.heardAt_ms = performance.now();
    if (message.type === MediaType.Still) this.showStill(message.payload);
    else this.buffer?.push(message);
  }

  private showStill(jpeg: Uint8Array<ArrayBuffer>): void {
    if (this.state === 'live') return;
    URL.revokeObjectURL(this.stillUrl);
    this.stillUrl = URL.createObjectURL(new Blob([jpeg], { type: 'image/jpeg' }));
    this.still.src = this.stillUrl;
    void this.still.decode().then(
      () => this.stillIsShown(),
      () => undefined, // a broken still is no loss: live pictures follow
    );
  }

  private stillIsShown(): void {
    if (this.stopped || this.state === 'live' || !this.stillUrl) return;
    this.still.hidden = false;
    this.become('still', '');
    if (this.stillTold) return;
    this.stillTold = true;
    requestAnimationFrame(() => this.events.stillShown());
  }

  private awaitFrame(buffer: LiveBuffer): void {
    const again = () => {
      if (this.buffer !== buffer) return;
      this.frameShown();
      this.awaitFrame(buffer);
    };
    if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(again);
    else (this.video as HTMLVideoElement).addEventListener('timeupdate', again, { once: true });
  }

  private frameShown(): void {
    this.frames += 1;
    this.frameAt_ms = performance.now();
    this.host.dataset['frames'] = String(this.frames);
    if (this.state === 'live') return;
    this.still.hidden = true;
    this.become('live', '');
    if (this.frames > 1) return;
    this.link.reportFirstFrame(Date.now());
    this.events.eyesOn();
  }

  private finish(state: 'lost' | 'ended' | 'refused', why: string): void {
    this.clear();
    this.become(state, why);
  }

  private clear(): void {
    this.buffer?.close();
    this.buffer = null;
    this.still.hidden = true;
    this.still.removeAttribute('src');
    URL.revokeObjectURL(this.stillUrl);
    this.stillUrl = '';
  }

  private become(state: PlayerState, why: string): void {
    this.state = state;
    this.host.dataset['state'] = state;
    this.events.state(state, why);
  }
}
