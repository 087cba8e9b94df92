import { explainCamera, type Asked } from '../api/client';
import type { WhyAnswer } from '../api/types';

/** The question that an operator asks of the map: why not that camera. */
export class WhyNot {
  /** Cameras that hang where was clicked, and the one that the card tells of. */
  cameras = $state.raw<readonly string[]>([]);
  camera = $state('');
  answer = $state.raw<WhyAnswer | null>(null);
  /** Error code where the hub did not say; else empty. */
  failed = $state('');

  private asked: Asked | null = null;

  readonly open = $derived(this.camera !== '');

  /** Ask about the first of the cameras; the others can be chosen on the card. */
  ask(cameras: readonly string[], asked: Asked): void {
    const [first] = cameras;
    if (first === undefined) return;
    this.cameras = cameras;
    this.asked = asked;
    void this.choose(first);
  }

  async choose(camera: string): Promise<void> {
    const asked = this.asked;
    if (!asked) return;
    this.camera = camera;
    this.answer = null;
    this.failed = '';
    const answer = await explainCamera(camera, asked);
    // Meanwhile the operator may have asked about another one, or closed the card.
    if (this.camera !== camera || this.asked !== asked) return;
    if (answer.ok) this.answer = answer.value;
    else this.failed = answer.code;
  }

  close(): void {
    this.cameras = [];
    this.camera = '';
    this.answer = null;
    this.asked = null;
  }
}
