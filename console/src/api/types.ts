/**
 * What the hub says, exactly as `safetynet/web/types.py` has it: names verbatim, times as ISO text.
 * Only this file knows the shapes; a file generated from the OpenAPI document can take its place.
 */

export type LonLat = [lon: number, lat: number];

export interface CityView {
  name: string;
  title_ko: string;
  title_en: string;
  bounds: [west: number, south: number, east: number, north: number];
  cameras: number;
  scaled: boolean;
  synthetic: boolean;
  districts: DistrictView[];
}

export interface DistrictView {
  node: string;
  name_ko: string;
  name_en: string;
  centre: LonLat;
  border: LonLat[][];
  quarter: LonLat[] | null;
  cameras: number;
}

export type NodeState = 'absent' | 'here' | 'suspect' | 'away';

export interface NodeView {
  node: string;
  state: NodeState;
  can_show: boolean;
  since: string;
  cameras: number;
  head: number;
}

export type PlaceOrigin = 'reported' | 'swapped' | 'legal_dong' | 'unknown';

export interface PlaceView {
  lon: number;
  lat: number;
  error_m: number;
  origin: PlaceOrigin;
  address: string;
  dong: string;
}

export type ReasonCode =
  | 'line_of_sight'
  | 'quality'
  | 'turns_to'
  | 'other_side'
  | 'behind_building'
  | 'faces_away'
  | 'too_far'
  | 'dead'
  | 'frozen'
  | 'obstructed'
  | 'owner_away'
  | 'busy'
  | 'adds_nothing';

export interface Reason {
  code: ReasonCode;
  value?: number | null;
  unit?: string | null;
  limit?: number | null;
}

export interface Aim {
  azimuth_deg: number;
  tilt_deg: number;
  hfov_deg: number;
}

export interface ChosenView {
  camera: string;
  owner: string;
  aim: Aim | null;
  distance_m: number;
  px_per_m: number;
  share_seen: number;
  slew_s: number;
  reasons: Reason[];
}

export interface PassedOver {
  camera: string;
  owner: string;
  distance_m: number;
  reasons: Reason[];
}

export type ViewState = 'asked' | 'ready' | 'refused' | 'away' | 'ended';

export interface ViewView {
  rank: number;
  camera: string;
  camera_name: string;
  owner: string;
  at: LonLat;
  chosen: ChosenView;
  area: LonLat[];
  state: ViewState;
  note: string;
}

export type IncidentState = 'open' | 'handled' | 'withdrawn' | 'ended' | 'ended_by_itself';

export type IncidentKind =
  | 'fire'
  | 'rescue'
  | 'medical'
  | 'other'
  | 'robbery'
  | 'abduction'
  | 'assault'
  | 'theft'
  | 'traffic'
  | 'crowd'
  | 'disaster'
  | 'missing';

export interface IncidentView {
  id: string;
  sender: string;
  key: string;
  service: string;
  state: IncidentState;
  kind: IncidentKind;
  grade: string;
  detail: string;
  drill: boolean;
  place: PlaceView;
  basis_ko: string;
  basis_en: string;
  refused: string;
  occurred_at: string;
  received_at: string;
  ended_at: string | null;
  hard_end: string | null;
  lease_s: number;
  views: ViewView[];
  passed_over: PassedOver[];
  decided_ms: number | null;
  still_ms: number | null;
  time_to_eyes_ms: number | null;
  revision: number;
}

export interface GrantView {
  id: string;
  incident: string;
  camera: string;
  owner: string;
  rank: number;
  token: string;
  gateway: string;
  relay: string;
  hard_end: string;
}

export interface ViewerKey {
  kty: string;
  crv: string;
  x: string;
  y: string;
}

export type FromConsole =
  | { type: 'hello'; agency: string; name: string; key: ViewerKey }
  | { type: 'eyes_on'; incident: string; camera: string; grant: string }
  | { type: 'still_shown'; incident: string; camera: string; grant: string };

export type ToConsole =
  | { type: 'snapshot'; now: string; viewer: string; incidents: IncidentView[]; nodes: NodeView[] }
  | { type: 'incident'; incident: IncidentView }
  | { type: 'node'; node: NodeView }
  | { type: 'grants'; incident: string; grants: GrantView[] }
  | { type: 'beat'; now: string };

export interface SettingsView {
  version: string;
  demo: boolean;
  staging: string | null;
  hold_policy: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  fields: Record<string, string | number | null>;
}
