// Times as people say them. The API's are ISO 8601 in UTC.
import { now } from './api.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const UNITS = [['year', 365 * DAY], ['month', 30 * DAY], ['day', DAY], ['hour', HOUR], ['minute', MINUTE]];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const narrow = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' });
const whole = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const short = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' });
const hours = new Intl.DateTimeFormat('en', { timeStyle: 'short' });

/** "in 12 days", "3 hours ago"; years and months only where days are many. */
export function ago(iso, format = relative) {
  const away = Date.parse(iso) - now();
  if (Math.abs(away) < MINUTE) return away < 0 ? 'just now' : 'in less than a minute';
  const [unit, size] = UNITS.find(([, ms]) => Math.abs(away) >= ms * (ms > DAY ? 2 : 1));
  return format.format(size > DAY ? Math.round(away / size) : Math.trunc(away / size), unit);
}

export const agoShort = (iso) => ago(iso, narrow);
export const until = (iso) => Date.parse(iso) - now();
export const date = (iso) => whole.format(new Date(iso));
export const day = (iso) => short.format(new Date(iso));
export const clock = (ms) => hours.format(new Date(ms));
