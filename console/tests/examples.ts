import type { GrantView, IncidentView, NodeView, ViewView } from '../src/api/types';

export const incident = (over: Partial<IncidentView> = {}): IncidentView => ({
  id: 'inc_1',
  sender: '119',
  key: 'T20261122000001',
  service: '119UC001',
  state: 'open',
  kind: 'fire',
  grade: '',
  detail: '',
  drill: false,
  place: {
    lon: 126.92,
    lat: 37.55,
    error_m: 30,
    origin: 'reported',
    address: '월드컵로 1',
    dong: '서교동',
  },
  basis_ko: '',
  basis_en: '',
  refused: '',
  occurred_at: '2026-11-22T03:00:00Z',
  received_at: '2026-11-22T03:00:01Z',
  ended_at: null,
  hard_end: null,
  lease_s: 10,
  views: [],
  passed_over: [],
  decided_ms: null,
  still_ms: null,
  time_to_eyes_ms: null,
  revision: 1,
  ...over,
});

export const view = (over: Partial<ViewView> = {}): ViewView => ({
  rank: 1,
  camera: 'mapo-00001',
  camera_name: '',
  owner: 'mapo',
  at: [126.921, 37.551],
  chosen: {
    camera: 'mapo-00001',
    owner: 'mapo',
    aim: null,
    distance_m: 80,
    px_per_m: 40,
    share_seen: 1,
    slew_s: 0,
    reasons: [],
  },
  area: [
    [126.92, 37.55],
    [126.921, 37.55],
    [126.921, 37.551],
  ],
  state: 'ready',
  note: '',
  ...over,
});

export const grant = (over: Partial<GrantView> = {}): GrantView => ({
  id: 'grt_1',
  incident: 'inc_1',
  camera: 'mapo-00001',
  owner: 'mapo',
  rank: 1,
  token: 'a.b.c',
  gateway: 'ws://127.0.0.1:1/view',
  relay: '/api/relay/mapo',
  hard_end: '2026-11-22T03:15:00Z',
  ...over,
});

export const node = (over: Partial<NodeView> = {}): NodeView => ({
  node: 'mapo',
  state: 'here',
  since: '2026-11-22T02:00:00Z',
  cameras: 100,
  head: 5,
  ...over,
});
