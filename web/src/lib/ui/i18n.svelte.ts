/** The language of the page: the browser's, until another one is chosen. */
import { keep, kept } from './keep';
import { en, type Words } from './words.en';
import { ko } from './words.ko';

export type Language = 'en' | 'ko';

const dictionaries: Record<Language, Words> = { en, ko };

class I18n {
  language = $state<Language>(kept<Language>('local', 'language') ?? (/^ko\b/i.test(navigator.language) ? 'ko' : 'en'));

  constructor() {
    document.documentElement.lang = this.language;
  }

  get words(): Words {
    return dictionaries[this.language] ?? en;
  }

  use(language: Language): void {
    this.language = language;
    document.documentElement.lang = language;
    keep('local', 'language', language);
  }
}

export const i18n = new I18n();
