import { en } from './en';
import { ko, type Words } from './ko';

export type Language = 'ko' | 'en';

const REMEMBERED = 'safetynet.language';

/** The language on the screen; Korean unless this console was switched before. */
export class Locale {
  language = $state<Language>(localStorage.getItem(REMEMBERED) === 'en' ? 'en' : 'ko');

  get words(): Words {
    return this.language === 'ko' ? ko : en;
  }

  /** Chooses between two names of one thing. */
  pick(korean: string, english: string): string {
    return this.language === 'ko' ? korean : english;
  }

  toggle(): void {
    this.language = this.language === 'ko' ? 'en' : 'ko';
    localStorage.setItem(REMEMBERED, this.language);
  }
}
