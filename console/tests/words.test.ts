import { describe, expect, it } from 'vitest';
import type { Reason, ReasonCode } from '../src/api/types';
import { en } from '../src/locale/en';
import { ko } from '../src/locale/ko';
import { clock, density, distance, duration, shortTime } from '../src/locale/measure';
import { reasonWords } from '../src/locale/reasons';

const HANGUL = /[가-힣]/;

describe('reasons in words', () => {
  it.each<[Reason, string, string]>([
    [{ code: 'line_of_sight' }, '시야 확보', 'line of sight'],
    [{ code: 'line_of_sight', value: 0.62 }, '현장의 62%가 보임', 'sees 62% of the place'],
    [{ code: 'line_of_sight', value: 1 }, '시야 확보', 'line of sight'],
    [{ code: 'quality', value: 84.2, unit: 'px/m' }, '선명도 84 px/m', 'sharpness 84 px/m'],
    [{ code: 'turns_to', value: 47.6, unit: 'deg' }, '현장으로 48° 회전', 'turns 48° to it'],
    [{ code: 'turns_to' }, '현장으로 회전', 'turns there'],
    [{ code: 'other_side' }, '다른 방향 시야', 'another direction'],
    [
      { code: 'too_far', value: 8.4, unit: 'px/m', limit: 20 },
      '너무 멂 (8.4 px/m, 기준 20 px/m)',
      'too far (8.4 px/m, needs 20 px/m)',
    ],
    [{ code: 'owner_away' }, '자치구 연결 끊김', 'district away'],
  ])('%o', (reason, korean, english) => {
    expect(reasonWords(reason, ko)).toBe(korean);
    expect(reasonWords(reason, en)).toBe(english);
  });

  it('says the bare code of a reason that came after this console', () => {
    expect(reasonWords({ code: 'fogged' as ReasonCode }, ko)).toBe('fogged');
  });
});

describe('measures', () => {
  it('count up as a clock', () => {
    expect([0, 61_000, 3_727_000].map(clock)).toEqual(['0:00', '1:01', '1:02:07']);
  });

  it('are said in the operator’s language', () => {
    expect(duration(185_000, ko)).toBe('3분 05초');
    expect(duration(185_000, en)).toBe('3 min 05 s');
    expect(shortTime(412.4, ko)).toBe('412ms');
    expect(shortTime(1534, en)).toBe('1.53 s');
    expect(distance(84.4, ko)).toBe('84m');
    expect(distance(1240, en)).toBe('1.2 km');
    expect(density(8.36)).toBe('8.4 px/m');
  });
});

describe('the two languages', () => {
  const leaves = (value: unknown, path: string): [string, unknown][] =>
    value !== null && typeof value === 'object'
      ? Object.entries(value).flatMap(([k, v]) => leaves(v, `${path}.${k}`))
      : [[path, value]];

  it('say the same things', () => {
    const paths = (w: object) => leaves(w, '').map(([path]) => path);
    expect(paths(en).sort()).toEqual(paths(ko).sort());
  });

  it('do not mix: no Hangul stands in English but the name of the other language', () => {
    const mixed = leaves(en, '').filter(([, v]) => typeof v === 'string' && HANGUL.test(v));
    expect(mixed.map(([path]) => path)).toEqual(['.otherLanguage']);
  });
});
