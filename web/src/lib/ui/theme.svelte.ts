/** Light or dark: as the system likes it, until one of them is chosen. */
import { keep, kept } from './keep';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

class Look {
  #chosen = $state<Theme>(known(kept<Theme>('local', 'theme')));
  /** What a phone gives its own bars by the system's liking, as the page came. */
  readonly #bars = [...document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')].map((bar) => ({ bar, content: bar.content, media: bar.media }));

  constructor() {
    this.#apply();
  }

  get chosen(): Theme {
    return this.#chosen;
  }

  use(theme: Theme): void {
    this.#chosen = theme;
    keep('local', 'theme', theme === 'system' ? undefined : theme);
    this.#apply();
  }

  /** All colours follow `color-scheme`, which the style sheet leaves to the system. */
  #apply(): void {
    const theme = this.#chosen;
    document.documentElement.style.colorScheme = theme === 'system' ? '' : theme;
    const chosen = this.#bars.find(({ media }) => media.includes(theme))?.content;
    for (const { bar, content } of this.#bars) bar.content = chosen ?? content;
  }
}

function known(theme: Theme | undefined): Theme {
  return theme && THEMES.includes(theme) ? theme : 'system';
}

export const look = new Look();
