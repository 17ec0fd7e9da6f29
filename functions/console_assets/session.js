// Signed in: an admin key in memory (api.js), until it is refused, dismissed, or left alone.
import { call, forget, hold, onRefused } from './api.js';
import { load } from './keys.js';
import { clear, set, state } from './store.js';

const IDLE_MINUTES = 15;
const IDLE_SECONDS = IDLE_MINUTES * 60;
const WARNING_SECONDS = 60;
const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'focusin'];

let active = 0;

/** Sign in; throws a Problem where the key is refused, and one of kind `role` where it is no admin's. */
export async function signIn(key) {
  const me = await call('GET', '/self', { key });
  try {
    await call('GET', '', { key, query: { limit: 1 } }); // the route decides, not what a record says
  } catch (problem) {
    if (problem.kind === 'forbidden') Object.assign(problem, { kind: 'role', me });
    throw problem;
  }
  hold(key);
  set({ me, notice: null });
  active = Date.now();
  load();
}

/** End the session; what was being filled in stays, unless one leaves by oneself. */
export function signOut(notice = null) {
  forget();
  clear({ notice, menu: null, reveal: null, leaving: 0, dialog: notice ? state.dialog : null });
}

export function stay() {
  if (left() <= 0) tick(); // the computer slept: who wakes it up is not who signed in
  else {
    active = Date.now();
    if (state.leaving) set({ leaving: 0 });
  }
}

onRefused((problem) => {
  const why = problem.kind === 'forbidden'
    ? 'Your key no longer has the role admin.'
    : 'Your key is no longer accepted: it has expired, was rotated or revoked.';
  const kept = state.dialog ? ' Nothing was changed, and what you were filling in is kept.' : '';
  const { reveal } = state; // the one copy there is of a new key: it stays until it is closed
  signOut({ tone: 'warn', text: `${why} Sign in with another one to go on.${kept}` });
  set({ reveal });
});

const left = () => Math.ceil(IDLE_SECONDS - (Date.now() - active) / 1000);
for (const name of ACTIVITY) addEventListener(name, stay, { capture: true, passive: true });
setInterval(tick, 1_000);

function tick() {
  if (!state.me && !state.reveal) return;
  if (left() <= 0) {
    const hidden = state.reveal ? ' The key that was on the screen is hidden; a renewal shows it again.' : '';
    const kept = state.dialog ? ' What you were filling in is kept.' : '';
    signOut({ tone: 'info', text: `Signed out after ${IDLE_MINUTES} minutes without a sign of you.${hidden}${kept}` });
  } else if (left() <= WARNING_SECONDS || state.leaving) {
    set({ leaving: left() <= WARNING_SECONDS ? left() : 0 });
  }
}
