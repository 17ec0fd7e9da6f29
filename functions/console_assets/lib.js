// Preact with templates that are no HTML: what is put into them becomes text nodes and properties, so
// an alias of `<img onerror=...>` is shown and never parsed.
import { h, render } from './vendor/preact.js';
import htm from './vendor/htm.js';

export * from './vendor/hooks.js';
export { render };
export const html = htm.bind(h);
