import { closeIncident, getCity, getSettings, stage } from '../api/client';
import type { CityView, GrantView, IncidentView, NodeView, SettingsView, StagedKind, ToConsole, ViewView } from '../api/types';
import { LiveSocket, socketUrl } from '../live/LiveSocket';
import { inOrder, NOTHING, reduce, type Live } from '../live/reduce';
import { Locale } from '../locale/Locale.svelte';
import { Seen, type SeenPicture } from './Seen';
import { WhyNot } from './WhyNot.svelte';
import type { ConsoleKey } from '../video/key';

/** Beats come each second; older than this, the screen says how old its data is. */
export const STALE_MS = 2500;
/** A new incident takes the screen only from an operator whose hands have rested this long. */
const RESTED_MS = 15_000;
const TICK_MS = 250;

export type Line = 'connecting' | 'here' | 'lost';
export type Staging = { step: 'off' } | { step: 'aim' } | { step: 'kind'; lon: number; lat: number };
export type Ending = 'no' | 'confirm' | 'sending' | 'failed';

/** What the console shows: the hub's word, and what the operator did with the screen. */
export class Desk {
  readonly locale = new Locale();
  readonly why = new WhyNot();
  live = $state.raw<Live>(NOTHING);
  city = $state.raw<CityView | null>(null);
  settings = $state.raw<SettingsView | null>(null);
  line = $state<Line>('connecting');
  /** Time by the hub's clock, and how long the hub has been silent. */
  now_ms = $state(Date.now());
  silence_ms = $state(0);
  selectedId = $state<string | null>(null);
  enlarged = $state<number | null>(null);
  follow = $state(true);
  helpOpen = $state(false);
  whyOpen = $state(false);
  ending = $state<Ending>('no');
  staging = $state.raw<Staging>({ step: 'off' });
  notice = $state('');

  readonly incidents = $derived(inOrder(this.live.incidents.values()));
  readonly selected = $derived(this.selectedId ? this.live.incidents.get(this.selectedId) : undefined);
  readonly nodes = $derived(this.live.nodes);
  readonly stale = $derived(this.silence_ms > STALE_MS || this.line === 'lost');

  private readonly socket: LiveSocket;
  private readonly seen = new Seen();
  private hubAhead_ms = 0;
  private touched = -RESTED_MS;
  private expectsOwn = false;

  constructor(readonly key: ConsoleKey) {
    const asked = new URLSearchParams(location.search);
    const who = { agency: asked.get('agency') ?? 'control', name: asked.get('name') ?? 'console' };
    this.socket = new LiveSocket(socketUrl('/api/live'), { ...who, key: key.public }, {
      message: (message) => this.hear(message),
      connected: (yes) => (this.line = yes ? 'here' : 'lost'),
    });
  }

  async open(): Promise<void> {
    this.socket.open();
    setInterval(() => this.tick(), TICK_MS);
    for (const note of ['pointerdown', 'keydown']) {
      addEventListener(note, () => (this.touched = performance.now()), { capture: true });
    }
    const [city, settings] = await Promise.all([untilAnswered(getCity), untilAnswered(getSettings)]);
    this.city = city;
    this.settings = settings;
  }

  get words() {
    return this.locale.words;
  }

  districtName(node: string): string {
    const district = this.city?.districts.find((d) => d.node === node);
    return district ? this.locale.pick(district.name_ko, district.name_en) : node;
  }

  /** A district's own desk, and not the hub's. */
  get isLocal(): boolean {
    return this.settings !== null && this.settings.node !== 'hub';
  }

  /** Another node decides on it: its pictures and its end are that one's. */
  isElsewhere(incident: IncidentView): boolean {
    return this.settings !== null && incident.decided_by !== this.settings.node;
  }

  /** Every district of the city with its state; one never heard of is not joined yet. */
  nodeOf(node: string): NodeView | undefined {
    return this.live.nodes.get(node);
  }

  grantFor(incident: string, camera: string): GrantView | undefined {
    return this.live.grants.get(incident)?.get(camera);
  }

  select(id: string | null): void {
    if (id === this.selectedId) return;
    this.selectedId = id;
    this.enlarged = null;
    this.ending = 'no';
    this.why.close();
  }

  step(by: 1 | -1): void {
    const at = this.incidents.findIndex((i) => i.id === this.selectedId);
    const next = this.incidents[Math.min(Math.max(at + by, 0), this.incidents.length - 1)];
    if (next) this.select(next.id);
  }

  enlarge(rank: number): void {
    const shown = this.selected?.views.some((v) => v.rank === rank);
    this.enlarged = this.enlarged === rank || !shown ? null : rank;
  }

  /** Why not these cameras; false where there is no place that the question could be about. */
  askWhy(cameras: readonly string[]): boolean {
    const at = this.staging;
    if (at.step === 'aim') return false;
    if (at.step === 'kind') this.why.ask(cameras, { lon: at.lon, lat: at.lat });
    else if (this.selected) this.why.ask(cameras, { incident: this.selected.id });
    else return false;
    return true;
  }

  askEnd(): void {
    if (this.selected?.state === 'open' && !this.isElsewhere(this.selected)) this.ending = 'confirm';
  }

  async end(): Promise<void> {
    const id = this.selectedId;
    if (!id || this.ending === 'sending') return;
    this.ending = 'sending';
    const answer = await closeIncident(id);
    if (answer.ok) this.hear({ type: 'incident', incident: answer.value });
    if (this.selectedId === id) this.ending = answer.ok ? 'no' : 'failed';
  }

  aim(): void {
    if (this.settings?.staging) this.staging = { step: 'aim' };
  }

  async stage(kind: StagedKind): Promise<void> {
    const at = this.staging;
    const staging = this.settings?.staging;
    this.staging = { step: 'off' };
    if (at.step !== 'kind' || !staging) return;
    this.expectsOwn = true;
    const answer = await stage(staging, kind, at.lon, at.lat);
    if (!answer.ok) this.expectsOwn = false;
    this.notice = answer.ok ? this.words.stage.done : `${this.words.stage.failed} (${answer.code})`;
    setTimeout(() => (this.notice = ''), 4000);
  }

  /** Closes whatever lies on top. */
  dismiss(): void {
    if (this.helpOpen) this.helpOpen = false;
    else if (this.staging.step !== 'off') this.staging = { step: 'off' };
    else if (this.ending !== 'no') this.ending = 'no';
    else if (this.why.open) this.why.close();
    else this.enlarged = null;
  }

  eyesOn(grant: GrantView): void {
    this.socket.send({ type: 'eyes_on', ...of(grant) });
  }

  stillShown(grant: GrantView): void {
    this.socket.send({ type: 'still_shown', ...of(grant) });
  }

  /** A view's picture is on the screen: the still, or the live one. */
  pictureOn(grant: GrantView, picture: SeenPicture): void {
    this.seen.note(grant, picture);
  }

  /** True while this viewer may say whether a view shows the scene. */
  canJudge(incident: IncidentView, view: ViewView): boolean {
    return incident.state === 'open' && view.state === 'ready' && !!this.grantFor(incident.id, view.camera);
  }

  /** What the hub takes of it comes back with the incident; the last word counts. */
  judge(incident: IncidentView, view: ViewView, shown: boolean): void {
    if (!this.canJudge(incident, view)) return;
    const word = { incident: incident.id, camera: view.camera, shown };
    this.socket.send({ type: 'view_judged', ...word, picture: this.seen.of(word) });
  }

  /** Ends a view's sweep at what it just showed. */
  hold(incident: IncidentView, view: ViewView): void {
    if (!view.chosen.sweep || !this.canJudge(incident, view)) return;
    this.socket.send({ type: 'view_held', incident: incident.id, camera: view.camera });
  }

  /** The same of the enlarged view, by key. */
  holdEnlarged(): void {
    const view = this.selected?.views.find((v) => v.rank === this.enlarged);
    if (this.selected && view) this.hold(this.selected, view);
  }

  /** A word on the enlarged view, by key. */
  judgeEnlarged(shown: boolean): void {
    const view = this.selected?.views.find((v) => v.rank === this.enlarged);
    if (this.selected && view) this.judge(this.selected, view, shown);
  }

  private hear(message: ToConsole): void {
    if (message.type === 'snapshot' || message.type === 'beat') {
      this.hubAhead_ms = Date.parse(message.now) - Date.now();
    }
    const before = this.live;
    this.live = reduce(before, message);
    if (message.type === 'incident' && message.incident.state !== 'open') this.seen.forget(message.incident.id);
    if (message.type === 'incident') this.consider(message.incident, before);
    else if (message.type === 'snapshot' && !this.selected) {
      this.select(this.incidents.find((i) => i.state === 'open')?.id ?? null);
    }
  }

  private consider(incident: IncidentView, before: Live): void {
    if (before.incidents.has(incident.id) || incident.state !== 'open') return;
    const rested = performance.now() - this.touched > RESTED_MS;
    const idle = this.selected?.state !== 'open';
    if (this.expectsOwn || (this.follow && (rested || idle))) this.select(incident.id);
    this.expectsOwn = false;
  }

  private tick(): void {
    this.now_ms = Date.now() + this.hubAhead_ms;
    this.silence_ms = this.socket.silence_ms;
  }
}

const of = (grant: GrantView) => ({
  incident: grant.incident,
  camera: grant.camera,
  grant: grant.id,
});

async function untilAnswered<T>(
  ask: () => Promise<{ ok: true; value: T } | { ok: false }>,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer.ok) return answer.value;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
