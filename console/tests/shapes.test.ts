import { describe, expect, it } from 'vitest';
import type { CityView } from '../src/api/types';
import { boundsOf, circle, closed, districtShapes, viewAreas, viewCameras, whyShapes } from '../src/map/shapes';
import { incident, node, view, why } from './examples';

const CITY: CityView = {
  name: 'test',
  title_ko: '',
  title_en: '',
  bounds: [126.7, 37.4, 127.2, 37.7],
  cameras: 0,
  scaled: false,
  synthetic: true,
  districts: ['mapo', 'seocho'].map((name) => ({
    node: name,
    name_ko: name,
    name_en: name,
    centre: [127, 37.5],
    border: [[[127, 37.5], [127.1, 37.5], [127.1, 37.6]]],
    quarter: null,
    cameras: 0,
  })),
};

describe('shapes on the map', () => {
  it('draw a circle of the stated radius', () => {
    const [east] = circle(127, 37.5, 100).slice(16, 17);
    const metres = ((east?.[0] ?? 0) - 127) * 111_320 * Math.cos((37.5 * Math.PI) / 180);
    expect(metres).toBeCloseTo(100, 3);
  });

  it('close a ring that is open and leave a closed one', () => {
    const ring = closed([[0, 0], [1, 0], [1, 1]]);
    expect(ring.at(-1)).toEqual([0, 0]);
    expect(closed(ring as [number, number][])).toHaveLength(4);
  });

  it('call a district that was never heard of absent', () => {
    const shapes = districtShapes(CITY, new Map([['mapo', node({ state: 'away' })]]));
    expect(shapes.features.map((f) => f.properties?.['state'])).toEqual(['away', 'absent']);
  });

  it('show what cameras see while the incident is open, and nothing after it', () => {
    const open = incident({ views: [view(), view({ rank: 2, camera: 'b', area: [] })] });
    expect(viewAreas(open).features).toHaveLength(1);
    expect(viewCameras(open).features.map((f) => f.properties?.['rank'])).toEqual(['1', '2']);
    expect(viewCameras({ ...open, state: 'ended' }).features).toHaveLength(0);
  });

  it('draw the one camera that was asked about, with the wall before it', () => {
    const roles = (features: { properties: unknown }[]) =>
      features.map((f) => (f.properties as { role: string }).role);
    const wall: [number, number][] = [[126.92, 37.55], [126.921, 37.55], [126.921, 37.551]];
    expect(roles(whyShapes(why({ wall, area: wall })).features)).toEqual(['area', 'wall', 'line', 'camera']);
    expect(roles(whyShapes(why()).features)).toEqual(['line', 'camera']);
    expect(whyShapes(null).features).toEqual([]);
    const [line] = whyShapes(why()).features;
    expect(line?.geometry).toEqual({ type: 'LineString', coordinates: [[126.921, 37.551], [126.92, 37.55]] });
  });

  it('frame the place and its cameras', () => {
    const [west, south, east, north] = boundsOf(incident({ views: [view({ at: [127.5, 37.9] })] }));
    expect(west).toBeLessThan(126.92);
    expect(south).toBeLessThan(37.55);
    expect([east, north]).toEqual([127.5, 37.9]);
  });
});
