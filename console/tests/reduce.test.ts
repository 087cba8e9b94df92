import { describe, expect, it } from 'vitest';
import type { ToConsole } from '../src/api/types';
import { ENDED_KEPT, inOrder, NOTHING, reduce, type Live } from '../src/live/reduce';
import { grant, incident, node } from './examples';

const NOW = '2026-11-22T03:00:02Z';
const fold = (...messages: ToConsole[]): Live => messages.reduce(reduce, NOTHING);

describe('the live state', () => {
  it('is replaced by a snapshot, grants too', () => {
    const live = fold(
      { type: 'incident', incident: incident({ id: 'old' }) },
      { type: 'grants', incident: 'old', grants: [grant({ incident: 'old' })] },
      { type: 'snapshot', now: NOW, viewer: 'vwr_1', incidents: [incident()], nodes: [node()] },
    );
    expect([...live.incidents.keys()]).toEqual(['inc_1']);
    expect([...live.nodes.keys()]).toEqual(['mapo']);
    expect(live.grants.size).toBe(0);
    expect(live.viewer).toBe('vwr_1');
  });

  it('keeps the newer revision of an incident, whatever the order of arrival', () => {
    const live = fold(
      { type: 'incident', incident: incident({ revision: 3, detail: 'new' }) },
      { type: 'incident', incident: incident({ revision: 2, detail: 'old' }) },
    );
    expect(live.incidents.get('inc_1')?.detail).toBe('new');
  });

  it('takes an equal revision: views change without a new report', () => {
    const live = fold(
      { type: 'incident', incident: incident({ still_ms: null }) },
      { type: 'incident', incident: incident({ still_ms: 300 }) },
    );
    expect(live.incidents.get('inc_1')?.still_ms).toBe(300);
  });

  it('replaces a grant by incident and camera and leaves the others', () => {
    const live = fold(
      {
        type: 'grants',
        incident: 'inc_1',
        grants: [grant(), grant({ id: 'grt_2', camera: 'mapo-00002' })],
      },
      { type: 'grants', incident: 'inc_1', grants: [grant({ id: 'grt_3' })] },
    );
    const held = live.grants.get('inc_1');
    expect(held?.get('mapo-00001')?.id).toBe('grt_3');
    expect(held?.get('mapo-00002')?.id).toBe('grt_2');
  });

  it('drops grants with the end of the incident, and takes none after it', () => {
    const live = fold(
      { type: 'incident', incident: incident() },
      { type: 'grants', incident: 'inc_1', grants: [grant()] },
      { type: 'incident', incident: incident({ state: 'ended', revision: 2 }) },
      { type: 'grants', incident: 'inc_1', grants: [grant({ id: 'late' })] },
    );
    expect(live.grants.has('inc_1')).toBe(false);
  });

  it('is untouched by a beat and by words it does not know', () => {
    const live = fold({ type: 'incident', incident: incident() });
    expect(reduce(live, { type: 'beat', now: NOW })).toBe(live);
    expect(reduce(live, { type: 'later' } as unknown as ToConsole)).toBe(live);
  });

  it('forgets the oldest ended incidents and never an open one', () => {
    const old = incident({ id: 'open', received_at: '2020-01-01T00:00:00Z' });
    const ended = Array.from({ length: ENDED_KEPT + 5 }, (_, i) =>
      incident({
        id: `inc_${i}`,
        state: 'ended',
        received_at: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString(),
      }),
    );
    const live = fold(...[old, ...ended].map((i): ToConsole => ({ type: 'incident', incident: i })));
    expect(live.incidents.size).toBe(ENDED_KEPT + 1);
    expect(live.incidents.has('open')).toBe(true);
    expect(live.incidents.has('inc_0')).toBe(false);
  });
});

describe('the order of the list', () => {
  it('has open incidents first, each part newest first', () => {
    const list = [
      incident({ id: 'a', state: 'ended', received_at: '2026-11-22T05:00:00Z' }),
      incident({ id: 'b', received_at: '2026-11-22T03:00:00Z' }),
      incident({ id: 'c', received_at: '2026-11-22T04:00:00Z' }),
    ];
    expect(inOrder(list).map((i) => i.id)).toEqual(['c', 'b', 'a']);
  });
});
