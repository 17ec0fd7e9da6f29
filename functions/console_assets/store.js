// What is known and shown. One object, one way to change it, and whoever shows it draws again.
import { useEffect, useReducer } from './lib.js';

const watchers = new Set();

const nothing = () => ({
  me: null, // the key that is signed in: a record, never its string
  keys: new Map(), // by id, in the order of their aliases
  loaded: false, // whether that is all of them
  loading: false,
  asOf: 0, // when it was asked for, in ms
  problem: null, // why it is not all of them
});

export const state = {
  ...nothing(),
  notice: null, // {tone, text}: why one has to sign in again
  dialog: null, // {kind, id, draft}: what is being filled in; outlives the session
  menu: null, // {key, button, turn}: whose actions are open
  reveal: null, // {key, ...}: a new key string, as long as it is on the screen
  leaving: 0, // seconds until an idle session ends, once it is about to
  toasts: [],
  route: { view: 'overview', id: '', query: new URLSearchParams() },
};

export function set(change) {
  Object.assign(state, change);
  for (const watcher of watchers) watcher();
}

/** Forget what was read with a key. */
export const clear = (change) => set({ ...nothing(), ...change });

export function useStore() {
  const [, again] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    watchers.add(again);
    return () => watchers.delete(again);
  }, []);
  return state;
}

let last = 0;

/** Say that something was done; read out, and gone after a while. */
export function toast(text, tone = 'good') {
  const id = ++last;
  set({ toasts: [...state.toasts, { id, text, tone }] });
  setTimeout(() => unsay(id), 6_000);
}

export const unsay = (id) => set({ toasts: state.toasts.filter((each) => each.id !== id) });

// --- Where one is: in the address after the #, which no server gets to see ----------------------

export function readRoute() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view, id = ''] = path.split('/').map(decoded);
  const known = ['overview', 'keys', 'api'].includes(view) ? view : '';
  const direct = /\/console\/api\/?$/.test(location.pathname) ? 'api' : 'overview';
  set({ route: { view: known || direct, id, query: new URLSearchParams(query) } });
}

export function go(path, { replace } = {}) {
  if (replace) {
    history.replaceState(null, '', `#/${path}`);
    readRoute();
  } else location.hash = `/${path}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
