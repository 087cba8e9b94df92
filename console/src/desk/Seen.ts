import type { GrantView } from '../api/types';

export type SeenPicture = 'live' | 'still';
type Of = Pick<GrantView, 'incident' | 'camera'>;

/** What this operator has had of each view: a word rests on the best of it, and says so. */
export class Seen {
  private readonly best = new Map<string, SeenPicture>();

  note(of: Of, picture: SeenPicture): void {
    const key = keyOf(of);
    if (this.best.get(key) !== 'live') this.best.set(key, picture);
  }

  /** ``still`` where the operator has had nothing but the still. */
  of(of: Of): SeenPicture {
    return this.best.get(keyOf(of)) ?? 'live';
  }

  /** Forget the views of an incident that is over. */
  forget(incident: string): void {
    for (const key of this.best.keys()) if (key.startsWith(`${incident} `)) this.best.delete(key);
  }
}

function keyOf(of: Of): string {
  return `${of.incident} ${of.camera}`;
}
