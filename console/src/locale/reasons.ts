import type { Reason } from '../api/types';
import type { Words } from './ko';
import { density } from './measure';

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
    case 'other_side':
      return angled(reason, w.reasons.other_side, w.reasons.other_side_angle);
    case 'faces_away':
      return angled(reason, w.reasons.faces_away, w.reasons.faces_away_angle);
    case 'too_far':
      return value === null || reason.limit == null || reason.unit === 'm'
        ? w.reasons.too_far
        : w.reasons.too_far_value(density(value), density(reason.limit));
    case 'behind_building':
    case 'dead':
    case 'frozen':
    case 'obstructed':
    case 'owner_away':
    case 'busy':
    case 'adds_nothing':
      return w.reasons[reason.code];
    default:
      return unknownWords(reason.code);
  }
}

function sightWords(reason: Reason, w: Words): string {
  const share = reason.value ?? 1;
  if (share >= 0.995 || share <= 0 || reason.unit === 'm') return w.reasons.line_of_sight;
  return w.reasons.line_of_sight_share(`${Math.round(share * 100)}%`);
}

/** With the angle where the reason brings one. */
function angled(reason: Reason, plain: string, withAngle: (angle: string) => string): string {
  if (reason.value == null || reason.unit !== 'deg') return plain;
  return withAngle(`${Math.round(reason.value)}°`);
}

/** A newer hub may know more reasons: its code says at least something. */
function unknownWords(code: never): string {
  return code;
}
