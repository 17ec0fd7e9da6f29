// Light, dark, or as the system has it: the one thing that is ever stored, and only once it is chosen.
import { html, useState } from './lib.js';
import { Icon } from './icons.js';

const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const ICON = { system: 'system', light: 'sun', dark: 'moon' };
const chosen = () => document.documentElement.dataset.theme ?? 'system';

export function ThemeButton() {
  const [theme, setTheme] = useState(chosen);
  const turn = () => {
    const next = NEXT[theme];
    const root = document.documentElement;
    try {
      if (next === 'system') localStorage.removeItem('keyturn-theme');
      else localStorage.setItem('keyturn-theme', next);
    } catch { /* storage is switched off: it lasts until the next reload */ }
    if (next === 'system') delete root.dataset.theme;
    else root.dataset.theme = next;
    setTheme(next);
    dispatchEvent(new Event('themechange')); // a canvas has to be painted again
  };
  return html`
    <button type="button" class="button quiet square" onClick=${turn} aria-label=${`Theme: ${theme}. Change it`} title=${`Theme: ${theme}`}>
      <${Icon} name=${ICON[theme]} />
    </button>`;
}
