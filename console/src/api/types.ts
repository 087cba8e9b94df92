/**
 * What the hub says. Values of the HTTP API come from `schema.ts`, which `npm run api` makes from the
 * hub's OpenAPI document. OpenAPI says nothing about sockets: grants and the messages of `/api/live`
 * stand here by hand, as `safetynet/web/types.py` has them, and so do states that it types as text.
 */
import type { components } from './schema';

type Schemas = components['schemas'];
type With<T, Known> = Omit<T, keyof Known> & Known;

export type LonLat = [lon: number, lat: number];
export type CityView = Schemas['CityView'];
export type DistrictView = Schemas['DistrictView'];
export type SettingsView = Schemas['SettingsView'];
export type PlaceView = Schemas['PlaceView'];
export type PlaceOrigin = Schemas['PlaceOrigin'];
export type Reason = Schemas['Reason'];
export type ReasonCode = Schemas['ReasonCode'];
export type Aim = Schemas['Aim'];
export type ChosenView = Schemas['ChosenView'];
export type PassedOver = Schemas['PassedOver'];
export type WhyAnswer = Schemas['WhyAnswer'];
export type IncidentState = Schemas['IncidentState'];
export type IncidentKind = Schemas['IncidentKind'];
export type StagedKind = Schemas['TargetKind'];

export type NodeState = 'absent' | 'here' | 'suspect' | 'away';
export type NodeView = With<Schemas['NodeView'], { state: NodeState }>;
export type ViewState = 'asked' | 'ready' | 'refused' | 'away' | 'ended';
export type ViewView = With<Schemas['ViewView'], { state: ViewState }>;
export type IncidentView = With<Schemas['IncidentView'], { views: ViewView[] }>;

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
  | { type: 'still_shown'; incident: string; camera: string; grant: string }
  | { type: 'view_judged'; incident: string; camera: string; shown: boolean; picture: 'live' | 'still' }
  | { type: 'view_held'; incident: string; camera: string };

export type ToConsole =
  | { type: 'snapshot'; now: string; viewer: string; incidents: IncidentView[]; nodes: NodeView[] }
  | { type: 'incident'; incident: IncidentView }
  | { type: 'node'; node: NodeView }
  | { type: 'grants'; incident: string; grants: GrantView[] }
  | { type: 'beat'; now: string };

/** An error, after RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  fields: Record<string, string | number | null>;
}
