import { describe, expect, it } from 'vitest';
import { Seen } from '../src/desk/Seen';

const view = { incident: 'inc_1', camera: 'mapo-1' };

describe('what an operator has had of a view', () => {
  it('is the still until the live picture comes, and the live one from then on', () => {
    const seen = new Seen();
    seen.note(view, 'still');
    expect(seen.of(view)).toBe('still');
    expect(seen.of({ ...view, camera: 'mapo-2' })).toBe('live');
    seen.note(view, 'live');
    seen.note(view, 'still');
    expect(seen.of(view)).toBe('live');
  });

  it('is forgotten with its incident, and with no other', () => {
    const seen = new Seen();
    const other = { incident: 'inc_10', camera: 'mapo-1' };
    seen.note(view, 'still');
    seen.note(other, 'still');
    seen.forget('inc_1');
    expect([seen.of(view), seen.of(other)]).toEqual(['live', 'still']);
  });
});
