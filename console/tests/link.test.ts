import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GrantView } from '../src/api/types';
import { GatewayLink, type LinkEvents } from '../src/video/GatewayLink';

/** A socket whose other end is the test. */
class Line {
  static readonly OPEN = 1;
  static all: Line[] = [];
  readyState = Line.OPEN;
  sent: string[] = [];
  binaryType = '';
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly url: string) {
    Line.all.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  /** Its close event comes only when the test lets it. */
  slow = false;

  close(): void {
    if (this.readyState !== Line.OPEN) return;
    this.readyState = 3;
    if (!this.slow) this.onclose?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const grant = (over: Partial<GrantView> = {}): GrantView => ({
  id: 'gra_1',
  incident: 'inc_1',
  camera: 'mapo-00001',
  owner: 'mapo',
  rank: 1,
  token: 'token',
  gateway: 'ws://owner.example/view/mapo',
  relay: '/api/relay/mapo',
  hard_end: '2026-11-22T03:15:00Z',
  ...over,
});
const RELAY = 'ws://hub.example/api/relay/mapo';
const key = { public: { kty: 'EC', crv: 'P-256', x: '', y: '' }, sign: () => Promise.resolve('proof') };
const challenge = { type: 'challenge', nonce: 'n', audience: 'mapo' };
const accepted = { type: 'accepted', session: 'ses_1', mime: 'video/mp4', width: 1280, height: 720 };

let events: { [name in keyof LinkEvents]: ReturnType<typeof vi.fn> };
const open = (over?: Partial<GrantView>) => {
  const link = new GatewayLink(grant(over), key, events as unknown as LinkEvents);
  link.open();
  return link;
};
const last = () => Line.all[Line.all.length - 1]!;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-22T03:00:00Z') });
  vi.stubGlobal('WebSocket', Line);
  vi.stubGlobal('location', { protocol: 'http:', host: 'hub.example' });
  Line.all = [];
  events = { accepted: vi.fn(), media: vi.fn(), refused: vi.fn(), ended: vi.fn() };
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a line to a gateway', () => {
  it('takes the relay where the gateway does not answer in time, and says so', () => {
    open();
    expect(last().url).toBe('ws://owner.example/view/mapo');
    vi.advanceTimersByTime(2000);
    expect(last().url).toBe(RELAY);
    last().say(challenge);
    last().say(accepted);
    expect(events.accepted).toHaveBeenCalledWith('video/mp4', 'relay');
  });

  it('takes the relay at once where the grant names no gateway', () => {
    open({ gateway: '' });
    expect(Line.all.map((line) => line.url)).toEqual([RELAY]);
  });

  it.each(['lease_ran_out', 'source_lost', 'node_stopped'])('comes back after %s', (reason) => {
    open();
    last().say(challenge);
    last().say(accepted);
    last().say({ type: 'ended', reason });
    expect(events.ended).toHaveBeenCalledWith(reason);
    vi.advanceTimersByTime(500);
    expect(Line.all).toHaveLength(2);
  });

  it.each(['closed', 'hard_end'])('stays away after %s', (reason) => {
    open();
    last().say(challenge);
    last().say(accepted);
    last().say({ type: 'ended', reason });
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(1);
  });

  it('asks again where the owner may think again, and not where it will not', () => {
    open();
    last().say(challenge);
    last().say({ type: 'refused', code: 'grant.lease', message: '' });
    vi.advanceTimersByTime(500);
    expect(Line.all).toHaveLength(2);
    last().say(challenge);
    last().say({ type: 'refused', code: 'policy.denied', message: '' });
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(2);
  });

  it('comes back when the line breaks without a word', () => {
    open();
    last().say(challenge);
    last().say(accepted);
    last().close();
    vi.advanceTimersByTime(500);
    expect(Line.all).toHaveLength(2);
    expect(events.ended).not.toHaveBeenCalled();
  });

  it('comes back although the old line is slow to close', () => {
    open();
    const old = last();
    old.slow = true;
    old.say(challenge);
    old.say(accepted);
    old.say({ type: 'ended', reason: 'source_lost' });
    vi.advanceTimersByTime(100);
    old.onclose?.();
    vi.advanceTimersByTime(400);
    expect(Line.all).toHaveLength(2);
  });

  it('tries no more once the grant is past its hard end, or the viewer closed it', () => {
    const link = open();
    vi.advanceTimersByTime(20 * 60_000);
    const tried = Line.all.length;
    vi.advanceTimersByTime(60_000);
    expect(Line.all).toHaveLength(tried);
    link.close();
    link.open();
    expect(Line.all).toHaveLength(tried);
  });
});
