import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { collection } from './shapes';
import { ALARM } from './palette';

/** The face that text on the map is drawn with; loaded before the map, as nothing comes from afar. */
export const MAP_FONT = 'Pretendard Variable';

/** The tiles of a bundle; beyond the deepest the map enlarges these. */
const TILES_FROM_ZOOM = 9;
const TILES_TO_ZOOM = 14;
const OVERLAYS = ['districts', 'names', 'areas', 'lines', 'cameras', 'incidents', 'uncertainty', 'why'];

type Layers = LayerSpecification[];

/** The whole style: the hub's own tiles, overlays of the console, no address outside. */
export function mapStyle(origin: string): StyleSpecification {
  const overlays = OVERLAYS.map((id) => [id, { type: 'geojson', data: collection([]) }] as const);
  return {
    version: 8,
    sources: {
      city: { type: 'vector', tiles: [`${origin}/api/map/{z}/{x}/{y}`], minzoom: TILES_FROM_ZOOM, maxzoom: TILES_TO_ZOOM },
      ...Object.fromEntries(overlays),
    },
    layers: [...ground(), ...streets(), ...states(), ...points(), ...sight(), ...why(), ...labels()],
  };
}

const ground = (): Layers => [
  { id: 'background', type: 'background', paint: { 'background-color': '#080c11' } },
  { id: 'district', type: 'fill', source: 'districts', paint: { 'fill-color': '#0f161e' } },
  {
    id: 'quarter',
    type: 'fill',
    source: 'city',
    'source-layer': 'quarter',
    paint: { 'fill-color': '#7fb4e0', 'fill-opacity': 0.06 },
  },
  {
    id: 'quarter-edge',
    type: 'line',
    source: 'city',
    'source-layer': 'quarter',
    paint: { 'line-color': '#7fb4e0', 'line-opacity': 0.25, 'line-dasharray': [3, 3] },
  },
  {
    id: 'building',
    type: 'fill',
    source: 'city',
    'source-layer': 'building',
    minzoom: 13,
    paint: {
      'fill-color': ['interpolate', ['linear'], ['coalesce', ['get', 'height_m'], 8], 5, '#1a2631', 60, '#2f3f4e'],
      'fill-outline-color': '#364757',
      'fill-opacity': ['interpolate', ['linear'], ['zoom'], 13, 0, 14.5, 1],
    },
  },
];

const streets = (): Layers => [
  {
    id: 'street',
    type: 'line',
    source: 'city',
    'source-layer': 'street',
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: {
      'line-color': ['match', ['get', 'rank'], 0, '#586d82', 1, '#475a6d', 2, '#37475a', '#2d3a48'],
      'line-width': [
        'interpolate',
        ['exponential', 1.7],
        ['zoom'],
        10,
        ['match', ['get', 'rank'], 0, 0.6, 1, 0.3, 0.1],
        14,
        ['match', ['get', 'rank'], 0, 3, 1, 2, 2, 1.2, 0.8],
        18,
        ['match', ['get', 'rank'], 0, 26, 1, 18, 2, 12, 6],
      ],
    },
  },
];

const states = (): Layers => [
  {
    id: 'absent',
    type: 'fill',
    source: 'districts',
    filter: ['==', ['get', 'state'], 'absent'],
    paint: { 'fill-color': '#05080b', 'fill-opacity': 0.5 },
  },
  {
    id: 'away',
    type: 'fill',
    source: 'districts',
    filter: ['==', ['get', 'state'], 'away'],
    paint: { 'fill-color': ALARM, 'fill-opacity': 0.16 },
  },
  {
    id: 'suspect',
    type: 'fill',
    source: 'districts',
    filter: ['==', ['get', 'state'], 'suspect'],
    paint: { 'fill-color': '#f0b254', 'fill-opacity': 0.1 },
  },
  {
    id: 'border',
    type: 'line',
    source: 'districts',
    paint: {
      'line-color': ['match', ['get', 'state'], 'away', ALARM, 'suspect', '#f0b254', '#3d4f60'],
      'line-width': ['match', ['get', 'state'], 'away', 2, 1],
    },
  },
];

const points = (): Layers => [
  {
    id: 'facility',
    type: 'circle',
    source: 'city',
    'source-layer': 'facility',
    minzoom: 14,
    filter: ['in', ['get', 'kind'], ['literal', ['fire_station', 'fire_centre', 'police', 'hospital']]],
    paint: {
      'circle-radius': 3,
      'circle-color': ['match', ['get', 'kind'], 'police', '#5b83b8', 'hospital', '#5b9c7d', '#b4685b'],
      'circle-opacity': 0.7,
    },
  },
  {
    id: 'camera',
    type: 'circle',
    source: 'city',
    'source-layer': 'camera',
    minzoom: 14,
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 14, 1.2, 17, 3],
      'circle-color': ['match', ['to-string', ['get', 'kind']], ['ptz', '1'], '#9fb6c9', '#6d8193'],
      'circle-stroke-color': '#9fb6c9',
      'circle-stroke-opacity': 0.5,
      'circle-stroke-width': ['match', ['to-string', ['get', 'kind']], ['ptz', '1'], 2, 0],
    },
  },
];

const sight = (): Layers => [
  {
    id: 'areas',
    minzoom: 12.5,
    type: 'fill',
    source: 'areas',
    paint: { 'fill-color': ['get', 'colour'], 'fill-opacity': 0.17 },
  },
  {
    id: 'areas-edge',
    minzoom: 12.5,
    type: 'line',
    source: 'areas',
    paint: { 'line-color': ['get', 'colour'], 'line-opacity': 0.75, 'line-width': 1.2 },
  },
  {
    id: 'lines',
    minzoom: 12.5,
    type: 'line',
    source: 'lines',
    paint: { 'line-color': ['get', 'colour'], 'line-opacity': 0.6, 'line-dasharray': [2, 3] },
  },
  {
    id: 'uncertainty',
    type: 'fill',
    source: 'uncertainty',
    paint: { 'fill-color': ALARM, 'fill-opacity': 0.1 },
  },
  {
    id: 'uncertainty-edge',
    type: 'line',
    source: 'uncertainty',
    paint: { 'line-color': ALARM, 'line-opacity': 0.8, 'line-dasharray': [3, 2] },
  },
  {
    id: 'incidents',
    type: 'circle',
    source: 'incidents',
    paint: {
      'circle-radius': ['case', ['get', 'selected'], 8, 5],
      'circle-color': ['case', ['get', 'open'], ALARM, '#5d6c7a'],
      'circle-stroke-color': ['case', ['get', 'selected'], '#ffffff', '#080c11'],
      'circle-stroke-width': 2,
    },
  },
  {
    id: 'cameras',
    minzoom: 12.5,
    type: 'circle',
    source: 'cameras',
    paint: {
      'circle-radius': 11,
      'circle-color': ['get', 'colour'],
      'circle-opacity': ['case', ['get', 'dim'], 0.55, 1],
      'circle-stroke-color': '#080c11',
      'circle-stroke-width': 2,
    },
  },
];

/** What was asked about one camera lies over everything but words. */
const why = (): Layers => [
  {
    id: 'why-fill',
    type: 'fill',
    source: 'why',
    filter: ['==', ['geometry-type'], 'Polygon'],
    paint: { 'fill-color': ['get', 'colour'], 'fill-opacity': ['match', ['get', 'role'], 'wall', 0.35, 0.12] },
  },
  {
    id: 'why-edge',
    type: 'line',
    source: 'why',
    filter: ['==', ['geometry-type'], 'Polygon'],
    paint: { 'line-color': ['get', 'colour'], 'line-opacity': 0.7, 'line-width': 1.2 },
  },
  {
    id: 'why-line',
    type: 'line',
    source: 'why',
    filter: ['==', ['get', 'role'], 'line'],
    paint: { 'line-color': ['get', 'colour'], 'line-width': 1.8, 'line-dasharray': [2, 2] },
  },
  {
    id: 'why-camera',
    type: 'circle',
    source: 'why',
    filter: ['==', ['get', 'role'], 'camera'],
    paint: {
      'circle-radius': 13,
      'circle-opacity': 0,
      'circle-stroke-color': ['get', 'colour'],
      'circle-stroke-width': 2,
    },
  },
];

const labels = (): Layers => [
  {
    id: 'street-name',
    type: 'symbol',
    source: 'city',
    'source-layer': 'street',
    minzoom: 14,
    filter: ['!=', ['coalesce', ['get', 'name'], ''], ''],
    layout: {
      'symbol-placement': 'line',
      'text-field': ['get', 'name'],
      'text-font': [MAP_FONT],
      'text-size': 12,
    },
    paint: { 'text-color': '#93a4b3', 'text-halo-color': '#0b1117', 'text-halo-width': 1.5 },
  },
  {
    id: 'names',
    type: 'symbol',
    source: 'names',
    maxzoom: 15,
    layout: {
      'text-field': ['format', ['get', 'name'], {}, '\n', {}, ['get', 'words'], { 'font-scale': 0.85 }],
      'text-font': [MAP_FONT],
      'text-size': ['interpolate', ['linear'], ['zoom'], 10, 12, 14, 17],
      'symbol-sort-key': ['match', ['get', 'state'], 'away', 0, 1],
    },
    paint: {
      'text-color': ['match', ['get', 'state'], 'away', '#ff9a92', 'suspect', '#f0b254', 'absent', '#7c8c9b', '#b9c7d3'],
      'text-halo-color': '#080c11',
      'text-halo-width': 1.6,
    },
  },
  {
    id: 'camera-rank',
    minzoom: 12.5,
    type: 'symbol',
    source: 'cameras',
    layout: {
      'text-field': ['get', 'rank'],
      'text-font': [MAP_FONT],
      'text-size': 14,
      'text-allow-overlap': true,
    },
    paint: { 'text-color': '#080c11' },
  },
];
