// Rotate and revoke: what becomes of those who use the key, said before it is done.
import { html, useEffect, useRef, useState } from './lib.js';
import { Ask } from './dialog.js';
import { inGrace, revoke, rotate, statusOf } from './keys.js';
import { Field, Note, When } from './parts.js';
import { reveal } from './reveal.js';
import { signOut } from './session.js';
import { set, state, toast } from './store.js';
import { date } from './time.js';

const GRACES = [
  ['', 'What the deployment says (a day, unless it was changed)'],
  ['0', 'None: the string before ends at once'],
  ['3600', 'One hour'],
  ['86400', 'One day'],
  ['604800', 'Seven days'],
  ['2592000', '30 days'],
];
const named = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const REASONS = [
  ['unspecified', 'No reason given'],
  ['superseded', 'Superseded: another key takes its place'],
  ['cessation', 'Cessation: what used it is no more'],
  ['compromised', 'Compromised: somebody else may know it'],
];

export const openRotate = (key) => set({ dialog: { kind: 'rotate', id: key.id, draft: null } });
export const openRevoke = (key) => set({ dialog: { kind: 'revoke', id: key.id, draft: null } });

export const compromised = (key) => key.status === 'revoked' && key.revoke_reason === 'compromised';
/** Why a key cannot be rotated, or renewed, as it is; `''`, it can. */
export const noRotation = (key) => (
  statusOf(key) === 'active' || compromised(key) ? '' : 'Expired or revoked: renew it first'
);
export const noRenewal = (key) => (compromised(key) ? 'Revoked as compromised: rotate it instead' : '');
export const noRevocation = (key) => (key.status === 'revoked' ? 'Revoked already' : '');

function useDraft(dialog, first) {
  const [draft, setDraft] = useState(() => dialog.draft ?? first);
  useEffect(() => { dialog.draft = draft; }, [draft]);
  return [draft, (part) => setDraft((now) => ({ ...now, ...part }))];
}

export function RotateDialog({ dialog }) {
  const key = state.keys.get(dialog.id);
  // Named once for each time it is meant: whatever is sent again is the same rotation.
  const [draft, change] = useDraft(dialog, { grace: '', force: false, rotation_id: named() });
  const running = inGrace(key);
  const act = async () => {
    const body = { rotation_id: draft.rotation_id };
    if (draft.grace !== '') body.grace_seconds = Number(draft.grace);
    if (draft.force) body.force = true;
    const answer = await rotate(key.id, body);
    set({ dialog: null });
    reveal(answer, 'rotated');
  };
  return html`
    <${Ask} title=${`Rotate ${key.alias}`} verb="Rotate key" danger=${draft.force} disabled=${running && !draft.force}
      act=${act} onClose=${() => set({ dialog: null })}>
      ${(problem) => html`
        <p class="lead">The key gets a new string, generation ${key.generation + 1}. Alias, name, roles and id stay.
          ${key.last_used_at && html` It was last used <${When} at=${key.last_used_at} />${key.last_generation_used ? `, with generation ${key.last_generation_used}` : ''}.`}</p>
        ${compromised(key)
          ? html`<${Note} tone="warn"><p>It was revoked as compromised. The new string makes the key active again; the one
              that leaked stays worthless.</p><//>`
          : html`
            <${Field} id="grace" label="Grace: how long today's string goes on working"
              hint=${key.rotate_every_days ? `It also rotates by itself every ${key.rotate_every_days} days.` : ''}>
              <select id="grace" autofocus value=${draft.grace} onChange=${(event) => change({ grace: event.target.value })}>
                ${GRACES.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
              </select>
            <//>`}
        ${draft.grace === '0' && html`<${Note} tone="warn"><p>Whoever still presents today's string is refused from that moment on.</p><//>`}
        ${(running || problem?.kind === 'grace_running') && html`
          <${Note} tone="warn">
            <p><strong>An earlier rotation's grace still runs</strong>${key.previous_expires_at && html`, until ${date(key.previous_expires_at)}`}.
              A key has two strings at most: this rotation ends the older one at once.</p>
            <p>${Seen(key)}</p>
            <label class="switch"><input type="checkbox" checked=${draft.force} onChange=${(event) => change({ force: event.target.checked })} />
              <span>End it now (force)</span></label>
          <//>`}`}
    <//>`;
}

function Seen(key) {
  if (key.previous_last_seen_at === undefined) return 'Make sure that its users have moved on.';
  return key.previous_last_seen_at === null
    ? 'It has not been seen since that rotation.'
    : html`It was last seen <${When} at=${key.previous_last_seen_at} />.`;
}

export function RevokeDialog({ dialog }) {
  const key = state.keys.get(dialog.id);
  const [draft, change] = useDraft(dialog, { reason: 'unspecified' });
  const tried = useRef(false);
  const act = async () => {
    const repeated = tried.current;
    tried.current = true;
    await revoke(key.id, draft.reason, repeated);
    set({ dialog: null });
    if (key.id === state.me.id) signOut({ tone: 'info', text: `${key.alias} is revoked: the key you were signed in with.` });
    else toast(`${key.alias} is revoked.`);
  };
  return html`
    <${Ask} title=${`Revoke ${key.alias}?`} verb="Revoke key" danger act=${act} onClose=${() => set({ dialog: null })}>
      ${() => html`
        <p class="lead">Every string of it is refused from now on. ${key.last_used_at
          ? html`It was last used <strong><${When} at=${key.last_used_at} /></strong>.` : 'No use of it is known.'}</p>
        ${key.id === state.me?.id && html`<${Note} tone="warn"><p><strong>This is the key you are signed in with.</strong> You will be signed out.</p><//>`}
        <${Field} id="reason" label="Reason" hint=${draft.reason === 'compromised'
          ? 'A string revoked as compromised can never be renewed; the key can only be rotated.'
          : 'A renewal makes the key work again, with the same string.'}>
          <select id="reason" autofocus value=${draft.reason} aria-describedby="reason-hint" onChange=${(event) => change({ reason: event.target.value })}>
            ${REASONS.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
          </select>
        <//>`}
    <//>`;
}
