import type { Feature, FeatureCollection, Position } from 'geojson';
import type { CityView, IncidentView, LonLat, NodeView, WhyAnswer } from '../api/types';
import { ALARM, EYE, rankColour } from './palette';

const METRES_PER_DEGREE = 111_320;
const CIRCLE_STEPS = 64;

/** A circle on the ground as a ring of lon, lat. */
export function circle(lon: number, lat: number, radius_m: number): Position[] {
  const dLat = radius_m / METRES_PER_DEGREE;
  const dLon = dLat / Math.cos((lat * Math.PI) / 180);
  return Array.from({ length: CIRCLE_STEPS + 1 }, (_, i) => {
    const angle = (i * 2 * Math.PI) / CIRCLE_STEPS;
    return [lon + dLon * Math.sin(angle), lat + dLat * Math.cos(angle)];
  });
}

export function closed(ring: LonLat[]): Position[] {
  const first = ring[0];
  const last = ring[ring.length - 1];
  if (!first || !last || (first[0] === last[0] && first[1] === last[1])) return ring;
  return [...ring, first];
}

/** Every district with its state towards the hub. */
export function districtShapes(
  city: CityView,
  nodes: ReadonlyMap<string, NodeView>,
): FeatureCollection {
  return collection(
    city.districts.map((d) => ({
      type: 'Feature',
      properties: { node: d.node, state: nodes.get(d.node)?.state ?? 'absent' },
      geometry: { type: 'MultiPolygon', coordinates: d.border.map((ring) => [closed(ring)]) },
    })),
  );
}

/** One label a district: its name, and a word where it is not simply here. */
export function districtLabels(
  city: CityView,
  nodes: ReadonlyMap<string, NodeView>,
  name: (d: CityView['districts'][number]) => string,
  stateWord: (state: NodeView['state']) => string,
): FeatureCollection {
  return collection(
    city.districts.map((d) => {
      const state = nodes.get(d.node)?.state ?? 'absent';
      const words = state === 'here' ? '' : stateWord(state);
      return point(d.centre, { name: name(d), words, state });
    }),
  );
}

/** Dots of all open incidents; the selected one is drawn larger. */
export function incidentDots(
  incidents: readonly IncidentView[],
  selected: string | null,
): FeatureCollection {
  return collection(
    incidents
      .filter((i) => i.state === 'open' || i.id === selected)
      .map((i) =>
        point([i.place.lon, i.place.lat], {
          id: i.id,
          open: i.state === 'open',
          selected: i.id === selected,
          drill: i.drill,
        }),
      ),
  );
}

export function uncertainty(incident: IncidentView | undefined): FeatureCollection {
  if (!incident || incident.state !== 'open' || incident.place.error_m < 1) return collection([]);
  const { lon, lat, error_m } = incident.place;
  return collection([polygon(circle(lon, lat, error_m), {})]);
}

/** What the chosen cameras see: their areas, themselves, and a line to the place. */
export function viewAreas(incident: IncidentView | undefined): FeatureCollection {
  return collection(
    shown(incident)
      .filter((v) => v.area.length > 2)
      .map((v) => polygon(closed(v.area), { rank: v.rank, colour: rankColour(v.rank) })),
  );
}

export function viewCameras(incident: IncidentView | undefined): FeatureCollection {
  return collection(
    shown(incident).map((v) =>
      point(v.at, { id: v.camera, rank: String(v.rank), colour: rankColour(v.rank), dim: v.state !== 'ready' }),
    ),
  );
}

export function sightLines(incident: IncidentView | undefined): FeatureCollection {
  if (!incident) return collection([]);
  const place: Position = [incident.place.lon, incident.place.lat];
  return collection(
    shown(incident).map((v) => ({
      type: 'Feature',
      properties: { colour: rankColour(v.rank) },
      geometry: { type: 'LineString', coordinates: [v.at, place] },
    })),
  );
}

/** One camera that was asked about: its field, its line to the place, and the wall before it. */
export function whyShapes(why: WhyAnswer | null): FeatureCollection {
  if (!why) return collection([]);
  const colour = why.rank ? rankColour(why.rank) : EYE;
  const line: Feature = {
    type: 'Feature',
    properties: { role: 'line', colour: why.rank ? colour : ALARM },
    geometry: { type: 'LineString', coordinates: [why.at, why.place] },
  };
  const area = why.area.length > 2 ? [polygon(closed(why.area), { role: 'area', colour })] : [];
  const wall = why.wall.length > 2 ? [polygon(closed(why.wall), { role: 'wall', colour: ALARM })] : [];
  return collection([...area, ...wall, line, point(why.at, { role: 'camera', colour })]);
}

/** West, south, east, north of the place and its cameras. */
export function boundsOf(incident: IncidentView): [number, number, number, number] {
  const { lon, lat, error_m } = incident.place;
  const around = circle(lon, lat, Math.min(Math.max(error_m, 40), 400));
  const all = [...around, ...shown(incident).map((v): Position => v.at)];
  const lons = all.map((p) => p[0] ?? lon);
  const lats = all.map((p) => p[1] ?? lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

export const collection = (features: Feature[]): FeatureCollection => ({
  type: 'FeatureCollection',
  features,
});

const shown = (incident: IncidentView | undefined) =>
  incident?.state === 'open' ? incident.views : [];

const point = (at: Position, properties: Record<string, unknown>): Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: at },
});

const polygon = (ring: Position[], properties: Record<string, unknown>): Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Polygon', coordinates: [ring] },
});
