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
    [{ code: 'sweeps', value: 4.2, unit: 's', what: '3' }, '3곳을 4초마다 훑어봄', 'sweeps 3 aims, 4 s'],
    [{ code: 'other_side' }, '다른 방향 시야', 'another direction'],
    [
      { code: 'too_far', value: 8.4, unit: 'px/m', limit: 20 },
      '너무 멂 (8.4 px/m, 기준 20 px/m)',
      'too far (8.4 px/m, needs 20 px/m)',
    ],
    [
      { code: 'too_far', value: 19.7, unit: 'px/m', limit: 20 },
      '너무 멂 (19.7 px/m, 기준 20 px/m)',
      'too far (19.7 px/m, needs 20 px/m)',
    ],
    [{ code: 'owner_away' }, '자치구 연결 끊김', 'district away'],
    [{ code: 'behind_building', what: '123' }, '건물 123에 가림', 'behind building 123'],
    [
      { code: 'faces_away', value: 120.3, unit: 'deg', limit: 35 },
      '현장에서 120° 벗어난 곳을 향함 (화각 ±35°)',
      'faces 120° away from it (field ±35°)',
    ],
    [{ code: 'plays_in', value: 1.27, unit: 's' }, '1.27초 안에 재생', 'plays in 1.27 s'],
    [{ code: 'checked', value: 42, unit: 's' }, '42초 전 점검', 'checked 42 s ago'],
    [{ code: 'learned', value: 0.712, unit: 'share' }, '학습된 방향 (확률 71%)', 'direction learned (chance 71%)'],
    [
      { code: 'pose_unknown', value: 0.004 },
      '향한 방향을 모름 (확률 <1%)',
      'its direction is not known (chance <1%)',
    ],
    [{ code: 'stale', value: 185, unit: 's' }, '3분 05초째 상태 소식 없음', 'no word of its state for 3 min 05 s'],
    [{ code: 'stale', unit: 's' }, '상태 소식 없음', 'no word of its state'],
    [{ code: 'dead', value: 7620, unit: 's' }, '2시간 07분째 고장', 'out of order for 2 h 07 min'],
    [{ code: 'dead' }, '고장', 'out of order'],
    [
      { code: 'dark', value: 60, unit: 'm', limit: 35 },
      '야간에 보이지 않음 (60m, 한계 35m)',
      'cannot be seen at night (60 m, limit 35 m)',
    ],
    [{ code: 'masked' }, '사생활 보호 구역에 있음', 'in a privacy zone'],
    [{ code: 'unusable' }, '카메라 자료에 오류가 있음', 'its data are faulty'],
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
