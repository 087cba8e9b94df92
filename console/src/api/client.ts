import type { CityView, IncidentView, Problem, SettingsView, StagedKind, WhyAnswer } from './types';

/** What the hub answers: the value, or its own words on why not. */
export type Answer<T> = { ok: true; value: T } | { ok: false; code: string; title: string };

export const getSettings = () => ask<SettingsView>('/api/settings');
export const getCity = () => ask<CityView>('/api/city');

/** Ends an incident; every right that came with it ends too. */
export function closeIncident(id: string): Promise<Answer<IncidentView>> {
  return ask(`/api/incidents/${encodeURIComponent(id)}/close`, { method: 'POST' });
}

/** What an answer of the hub on one camera is about: an incident, or a place that was pointed at. */
export type Asked = { incident: string } | { lon: number; lat: number };

/** Why a camera was chosen, or why not. */
export function explainCamera(camera: string, asked: Asked): Promise<Answer<WhyAnswer>> {
  const name = `camera=${encodeURIComponent(camera)}`;
  if ('incident' in asked) return ask(`/api/incidents/${encodeURIComponent(asked.incident)}/why?${name}`);
  return ask(`/api/views/why?${name}&lon=${asked.lon}&lat=${asked.lat}`);
}

/** Puts a thing into the simulated city; its callers then report it the usual way. */
export function stage(staging: string, kind: StagedKind, lon: number, lat: number) {
  return ask<unknown>(`${staging.replace(/\/$/, '')}/stage`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind, lon, lat }),
  });
}

async function ask<T>(path: string, init?: RequestInit): Promise<Answer<T>> {
  try {
    const response = await fetch(path, init);
    if (response.ok) return { ok: true, value: (await response.json()) as T };
    const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
    const code = problem?.type ?? `http.${response.status}`;
    return { ok: false, code, title: problem?.title ?? response.statusText };
  } catch {
    return { ok: false, code: 'network', title: '' };
  }
}
