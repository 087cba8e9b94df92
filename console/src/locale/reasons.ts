import type { Reason } from '../api/types';
import type { Words } from './ko';
import { density, distance, duration, shortTime } from './measure';

/** A reason in the operator's words. */
export function reasonWords(reason: Reason, w: Words): string {
  const value = reason.value ?? null;
  switch (reason.code) {
    case 'line_of_sight':
      return sightWords(reason, w);
    case 'quality':
      return value === null ? w.reasons.quality_plain : w.reasons.quality(density(value));
    case 'turns_to':
      return angled(reason, w.reasons.turns_to_plain, w.reasons.turns_to);
    case 'sweeps':
      return value === null || !reason.what
        ? w.reasons.sweeps_plain
        : w.reasons.sweeps(reason.what, duration(value * 1000, w));
    case 'other_side':
      return angled(reason, w.reasons.other_side, w.reasons.other_side_angle);
    case 'faces_away':
      return facingWords(reason, w);
    case 'too_far':
      return value === null || reason.limit == null || reason.unit === 'm'
        ? w.reasons.too_far
        : w.reasons.too_far_value(below(value, reason.limit), density(reason.limit));
    case 'plays_in':
      return value === null ? w.reasons.plays_in_plain : w.reasons.plays_in(shortTime(value * 1000, w));
    case 'checked':
      return value === null ? w.reasons.checked_plain : w.reasons.checked(duration(value * 1000, w));
    case 'learned':
      return value === null ? w.reasons.learned : w.reasons.learned_chance(percent(value));
    case 'pose_unknown':
      return value === null ? w.reasons.pose_unknown : w.reasons.pose_unknown_chance(percent(value));
    case 'stale':
      return value === null ? w.reasons.stale : w.reasons.stale_for(duration(value * 1000, w));
    case 'dark':
      return value === null || reason.limit == null
        ? w.reasons.dark
        : w.reasons.dark_limit(distance(value, w), distance(reason.limit, w));
    case 'behind_building':
      return reason.what ? w.reasons.behind_building_number(reason.what) : w.reasons.behind_building;
    case 'dead':
    case 'frozen':
    case 'obstructed':
    case 'owner_away':
      return value === null || reason.unit !== 's'
        ? w.reasons[reason.code]
        : w.reasons.ill_for(w.reasons[reason.code], duration(value * 1000, w));
    case 'busy':
    case 'masked':
    case 'unusable':
    case 'adds_nothing':
      return w.reasons[reason.code];
    default:
      return unknownWords(reason.code);
  }
}

/** A density that misses the limit by little, with the digit that tells them apart. */
function below(value: number, limit: number): string {
  const told = density(value);
  return told === density(limit) ? `${value.toFixed(1)} px/m` : told;
}

function sightWords(reason: Reason, w: Words): string {
  const share = reason.value ?? 1;
  if (share >= 0.995 || share <= 0 || reason.unit === 'm') return w.reasons.line_of_sight;
  return w.reasons.line_of_sight_share(`${Math.round(share * 100)}%`);
}

function facingWords(reason: Reason, w: Words): string {
  if (reason.value == null || reason.unit !== 'deg' || reason.limit == null) {
    return angled(reason, w.reasons.faces_away, w.reasons.faces_away_angle);
  }
  return w.reasons.faces_away_field(degrees(reason.value), degrees(reason.limit));
}

const degrees = (value: number) => `${Math.round(value)}°`;

/** Never a false nought nor a false hundred. */
function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%';
  return `${share < 0.9995 ? Math.min(Math.round(share * 100), 99) : 100}%`;
}

/** With the angle where the reason brings one. */
function angled(reason: Reason, plain: string, withAngle: (angle: string) => string): string {
  if (reason.value == null || reason.unit !== 'deg') return plain;
  return withAngle(degrees(reason.value));
}

/** A newer hub may know more reasons: its code says at least something. */
function unknownWords(code: never): string {
  return code;
}
