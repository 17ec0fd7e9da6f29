// The keys: read page by page, changed by the API's verbs, and read again after each change.
import { call, hold, now } from './api.js';
import { set, state } from './store.js';

const PAGE = 100;
const MOST = 5_000; // beyond that one looks for what one wants, by its alias

let latest = 0;

/** Read all keys. The first time they show as they come, later once they are complete. */
export async function load() {
  const turn = ++latest;
  const first = !state.loaded;
  const keys = new Map();
  set({ loading: true, problem: null, ...(first && { keys: new Map() }) });
  try {
    let cursor;
    do {
      const page = await patiently(() => call('GET', '', { query: { limit: PAGE, cursor } }), cursor ? 2 : 0);
      if (turn !== latest || !state.me) return;
      for (const item of page.items) keys.set(item.id, item);
      cursor = page.cursor;
      if (first) set({ keys: new Map(keys) });
    } while (cursor && keys.size < MOST);
    set({ keys, loaded: !cursor, loading: false, asOf: now() });
  } catch (problem) {
    if (turn === latest && state.me) set({ loading: false, problem });
  }
}

/** In the middle of a long list a throttle is no reason to begin again. */
async function patiently(ask, tries) {
  try {
    return await ask();
  } catch (problem) {
    if (!tries || !problem.passes) throw problem;
    await new Promise((resolve) => { setTimeout(resolve, 1_000 * Math.max(1, problem.wait)); });
    return patiently(ask, tries - 1);
  }
}

/** Ask for aliases that begin with a text, where not all keys are here. */
export async function look(prefix) {
  const page = await call('GET', '', { query: { limit: PAGE, alias_prefix: prefix } });
  for (const item of page.items) put(item);
}

/** Read one key anew, strongly consistent. */
export async function fetchKey(id) {
  const item = await call('GET', `/${encodeURIComponent(id)}`);
  put(item);
  return item;
}

/** Find an alias's key as the service would: `null` where it is free. */
export async function findAlias(alias) {
  const stored = alias.trim().normalize('NFC');
  const page = await call('GET', '', { query: { limit: 1, alias_prefix: stored } });
  return page.items.find((item) => item.alias === stored) ?? null;
}

/** Create or renew; resolves to the answer, which holds the key string. */
export async function grant(body) {
  const answer = await call('POST', '', { body });
  settle(answer.id);
  return answer;
}

/** Rotate. The same `rotation_id` again is the same rotation: a lost answer is simply asked for again. */
export async function rotate(id, body) {
  const answer = await call('POST', `/${id}/rotate`, { body });
  if (id === state.me?.id) hold(answer.key); // the string one signed in with may have ended just now
  settle(id);
  return answer;
}

/** Revoke. Where an answer was lost, a repeat finds nothing left to revoke: then it is done. */
export async function revoke(id, reason, repeated) {
  try {
    await call('DELETE', `/${id}`, { query: { reason } });
  } catch (problem) {
    if (problem.kind !== 'not_found' || !repeated) throw problem;
    if ((await fetchKey(id)).status !== 'revoked') throw problem;
  }
  if (id !== state.me?.id) settle(id);
}

/** What is left of a key's validity, 0 to 1. */
export function left(key) {
  const total = key.ttl_days * 86_400_000;
  return Math.min(1, Math.max(0, (Date.parse(key.expire) - now()) / total));
}

/** A key's status by now: an active one's time goes on while it is looked at. */
export const statusOf = (key) => (
  key.status === 'active' && Date.parse(key.expire) <= now() ? 'expired' : key.status
);

export const inGrace = (key) => (
  key.previous_expires_at !== null && key.previous_expires_at !== undefined &&
  statusOf(key) === 'active' && Date.parse(key.previous_expires_at) > now()
);

/** Whether nobody used an active key for so many days; one that is younger has time yet. */
export function unused(key, days) {
  const since = now() - days * 86_400_000;
  return statusOf(key) === 'active' && Date.parse(key.last_used_at ?? key.created_at) < since;
}

/** The change is made; that it cannot be shown yet is no failure of it. */
async function settle(id) {
  try {
    await fetchKey(id);
    if (id === state.me?.id) set({ me: await call('GET', '/self') });
  } catch { /* the list says it the next time */ }
}

function put(item) {
  const keys = new Map(state.keys);
  keys.set(item.id, item);
  const sorted = state.keys.has(item.id)
    ? keys
    : new Map([...keys].sort(([, a], [, b]) => (a.alias < b.alias ? -1 : 1)));
  set({ keys: sorted });
}
