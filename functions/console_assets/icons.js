// Line icons, 20 by 20; each beside words or in a labelled button, so hidden from a screen reader.
import { html } from './lib.js';

const PATHS = {
  overview: 'M3 11.5h5.5V17H3zM11.5 3H17v5.5h-5.5zM3 3h5.5v5.5H3zM11.5 11.5H17V17h-5.5z',
  key: 'M11.2 8.8 17 3M14.6 5.4l2.2 2.2M4.3 10.3a3.9 3.9 0 1 0 5.5 5.5 3.9 3.9 0 0 0-5.5-5.5zm5.5 0 1.6-1.6',
  book: 'M10 5.2C8.3 4 6 3.6 3 3.6v11.6c3 0 5.3.4 7 1.6 1.7-1.2 4-1.6 7-1.6V3.6c-3 0-5.3.4-7 1.6zm0 0v11.6',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zm4.3-1.7L17 17',
  copy: 'M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4',
  check: 'm4 10.5 4 4 8-9',
  cross: 'm5 5 10 10M15 5 5 15',
  back: 'M12 4.5 6.5 10l5.5 5.5',
  next: 'M8 4.5 13.5 10 8 15.5',
  more: 'M4.5 10h.01M10 10h.01M15.5 10h.01',
  renew: 'M10 5.5V10l3 2M10 17a7 7 0 1 0-6.7-5M3 16v-4h4',
  rotate: 'M4 8a6.5 6.5 0 0 1 11.5-2L17 7.5M17 3.5v4h-4M16 12a6.5 6.5 0 0 1-11.5 2L3 12.5M3 16.5v-4h4',
  revoke: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM5.2 5.2l9.6 9.6',
  out: 'M12.5 6.5V3.5h-9v13h9v-3M8.5 10H17m-3-3 3 3-3 3',
  sun: 'M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1',
  moon: 'M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12z',
  system: 'M3 4h14v9.5H3zM7 17h6M10 13.5V17',
  refresh: 'M16.5 10a6.5 6.5 0 1 1-2-4.7L16.5 7M16.5 3v4h-4',
  warn: 'M10 3.2 1.9 17h16.2zM10 8.2v4M10 14.6h.01',
  info: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.2v4.2M10 6.6h.01',
  eye: 'M2 10s2.8-5 8-5 8 5 8 5-2.8 5-8 5-8-5-8-5zm8 2.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
  sort: 'm7 8 3-3 3 3M7 12l3 3 3-3',
  up: 'm6 12 4-4 4 4',
  down: 'm6 8 4 4 4-4',
  shield: 'M10 2.5 4 4.8v4.7c0 4 2.6 6.7 6 8 3.4-1.3 6-4 6-8V4.8zM7.3 10l2 2 3.5-4',
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
