// Create or renew: the same request, which the alias decides.
import { html, useEffect, useState } from './lib.js';
import { Ask } from './dialog.js';
import { Icon } from './icons.js';
import { findAlias, grant, statusOf } from './keys.js';
import { Field, Note, plural, sentence } from './parts.js';
import { reveal } from './reveal.js';
import { set, state } from './store.js';
import { ago } from './time.js';

const USUAL_ROLES = ['admin', 'creator', 'user'];
const DAYS = [7, 30, 90, 365];
const FIELD = { alias_required: 'alias', name_required: 'name', roles_invalid: 'roles' };

// No route tells which roles there are. A refusal does, and then it is known for as long as the page is.
let deployed = null;

/** Open the dialog; `key` is the one to renew. */
export const openGrant = (key) => set({ dialog: { kind: 'grant', id: key?.id ?? '', draft: null } });

export function GrantDialog({ dialog }) {
  const renewed = state.keys.get(dialog.id);
  const [draft, setDraft] = useState(() => dialog.draft ?? drafted(renewed));
  const [taken, setTaken] = useState(null); // the key that the alias turned out to have
  const [offered, setOffered] = useState(deployed);
  useEffect(() => { dialog.draft = draft; }, [draft]); // outlives this dialog, should the session end
  const close = () => set({ dialog: null });
  const change = (part) => setDraft((now) => ({ ...now, ...part }));
  const renews = renewed ?? taken;

  const act = async () => {
    try {
      const body = requested(draft);
      if (!renewed && !taken) {
        const found = await findAlias(body.alias);
        if (found) {
          setTaken(found);
          return;
        }
      }
      const answer = await grant(body);
      close();
      reveal(answer, answer.renewed ? 'renewed' : 'created');
    } catch (problem) {
      problem.field = FIELD[problem.kind] ?? (problem.kind === 'field_invalid' && /^(\w+):/.exec(problem.message)?.[1]);
      if (problem.kind === 'roles_invalid') {
        deployed = [...problem.message.matchAll(/'([^']+)'/g)].map((match) => match[1]);
        setOffered(deployed);
        change({ roles: draft.roles.filter((role) => deployed.includes(role)) });
      }
      throw problem;
    }
  };

  const roles = offered ?? [...new Set([...USUAL_ROLES, ...seenRoles(), ...draft.roles])];
  return html`
    <${Ask} title=${renewed ? `Renew ${renewed.alias}` : 'Create a key'} act=${act} onClose=${close}
      verb=${renewed ? 'Renew key' : taken ? 'Renew the existing key' : 'Create key'}>
      ${(problem) => {
        const wrong = (field) => (problem?.field === field ? sentence(problem.message.replace(/^\w+: /, '')) : '');
        return html`
          ${renewed && html`<${RenewalNote} of=${renewed} />`}
          ${!renewed && html`
            <${Field} id="alias" label="Alias" error=${wrong('alias')}
              hint="What the key is known by: unique, case-sensitive, and no personal data in it.">
              <input id="alias" value=${draft.alias} maxlength="128" autocomplete="off" spellcheck=${false} autofocus required
                aria-describedby="alias-error alias-hint" aria-invalid=${!!wrong('alias')}
                onInput=${(event) => { change({ alias: event.target.value }); setTaken(null); }} />
            <//>`}
          ${taken && html`
            <div role="alert"><${Note} tone="warn">
              <p><strong>${taken.alias} has a key already</strong>: ${statusOf(taken)}, generation ${taken.generation}, ${until(taken)}.
                To go on is to renew it: the same key string, with the name, roles and validity below, and active again.</p>
            <//></div>`}
          <${Field} id="name" label="Name" error=${wrong('name')} hint="For people: who or what uses it.">
            <input id="name" value=${draft.name} maxlength="256" autocomplete="off" required
              aria-describedby="name-error name-hint" aria-invalid=${!!wrong('name')} onInput=${(event) => change({ name: event.target.value })} />
          <//>
          <${RolesField} offered=${roles} of=${draft.roles} error=${wrong('roles')} onChange=${(chosen) => change({ roles: chosen })}
            own=${renews?.id === state.me?.id} />
          <${DaysField} of=${draft.ttl_days} error=${wrong('ttl_days')} renews=${!!renewed} onChange=${(ttl_days) => change({ ttl_days })} />
          <${RotationField} of=${draft.rotate_every_days} error=${wrong('rotate_every_days')}
            onChange=${(rotate_every_days) => change({ rotate_every_days })} />
          <${MetadataField} of=${draft.metadata} error=${wrong('metadata')} onChange=${(metadata) => change({ metadata })} />`;
      }}
    <//>`;
}

function RenewalNote({ of }) {
  const status = statusOf(of);
  return html`
    <p class="lead">The same key string goes on, valid anew from now. ${status === 'revoked'
      ? html`<strong>It was revoked: this makes it work again.</strong>`
      : status === 'expired' ? 'It had expired: this makes it work again.' : ''}</p>`;
}

function RolesField({ offered, of, error, onChange, own }) {
  const toggle = (role) => onChange(of.includes(role) ? of.filter((each) => each !== role) : [...of, role]);
  return html`
    <fieldset class="field ${error ? 'wrong' : ''}">
      <legend>Roles</legend>
      <div class="choices">
        ${offered.map((role) => html`
          <label key=${role} class="choice"><input type="checkbox" checked=${of.includes(role)} onChange=${() => toggle(role)} /><span>${role}</span></label>`)}
      </div>
      ${error && html`<p class="error">${error}</p>`}
      ${own && !of.includes('admin') && html`<p class="error">This is the key you are signed in with: without admin you will be signed out.</p>`}
      ${of.includes('admin') && !own && html`<p class="hint">admin may manage all keys, this console included.</p>`}
    </fieldset>`;
}

function DaysField({ of, error, renews, onChange }) {
  const [custom, setCustom] = useState(of !== '' && !DAYS.includes(Number(of)));
  const choose = (days) => { setCustom(days === 'custom'); onChange(days === 'custom' ? of || 15 : days); };
  const chosen = custom ? 'custom' : of === '' ? '' : Number(of);
  return html`
    <fieldset class="field ${error ? 'wrong' : ''}">
      <legend>Valid for</legend>
      <div class="choices">
        ${['', ...DAYS, 'custom'].map((days) => html`
          <label key=${days} class="choice"><input type="radio" name="ttl_days" checked=${chosen === days} onChange=${() => choose(days)} />
            <span>${days === '' ? 'Default' : days === 'custom' ? 'Other' : days === 365 ? '1 year' : `${days} days`}</span></label>`)}
        ${custom && html`<span class="inline"><input type="number" min="1" step="1" class="short" aria-label="Days of validity"
          value=${of} onInput=${(event) => onChange(event.target.value)} /> days</span>`}
      </div>
      ${error && html`<p class="error">${error}</p>`}
      ${of === '' && html`<p class="hint">What the deployment says, 15 days unless it was changed.${renews ? ' Counted from now.' : ''}</p>`}
    </fieldset>`;
}

function RotationField({ of, error, onChange }) {
  return html`
    <div class="field ${error ? 'wrong' : ''}">
      <div class="inline">
        <label class="switch"><input type="checkbox" checked=${of !== null} onChange=${(event) => onChange(event.target.checked ? 30 : null)} />
          <span>Rotate by itself</span></label>
        ${of !== null && html`<span class="inline">every <input type="number" min="1" max="365" step="1" class="short" value=${of}
          aria-label="Days between rotations" onInput=${(event) => onChange(event.target.value)} /> days</span>`}
      </div>
      ${error && html`<p class="error">${error}</p>`}
      ${of !== null && html`<p class="hint">Its users must fetch the new string themselves, for example from Secrets Manager.</p>`}
    </div>`;
}

function MetadataField({ of, error, onChange }) {
  const edit = (row, part) => onChange(of.map((pair, index) => (index === row ? { ...pair, ...part } : pair)));
  return html`
    <fieldset class="field ${error ? 'wrong' : ''}">
      <legend>Metadata</legend>
      ${of.map((pair, row) => html`
        <div key=${row} class="pair">
          <input value=${pair.name} placeholder="team" aria-label=${`Name of entry ${row + 1}`} onInput=${(event) => edit(row, { name: event.target.value })} />
          <input value=${pair.value} placeholder="payments" aria-label=${`Value of entry ${row + 1}`} onInput=${(event) => edit(row, { value: event.target.value })} />
          <button type="button" class="button quiet square" aria-label=${`Remove entry ${row + 1}`}
            onClick=${() => onChange(of.filter((_, index) => index !== row))}><${Icon} name="cross" /></button>
        </div>`)}
      ${error && html`<p class="error">${error}</p>`}
      <button type="button" class="button small" onClick=${() => onChange([...of, { name: '', value: '' }])}><${Icon} name="plus" />Add an entry</button>
    </fieldset>`;
}

function drafted(key) {
  return {
    alias: key?.alias ?? '',
    name: key?.name ?? '',
    roles: [...(key?.roles ?? [])],
    ttl_days: key?.ttl_days ?? '',
    rotate_every_days: key?.rotate_every_days ?? null,
    metadata: Object.entries(key?.metadata ?? {}).map(([name, value]) => ({ name, value })),
  };
}

/** What is sent: numbers where they are some; what is none goes as it is, and the service says so. */
function requested(draft) {
  const body = {
    alias: draft.alias,
    name: draft.name.trim(),
    roles: draft.roles,
    rotate_every_days: draft.rotate_every_days === null ? null : numbered(draft.rotate_every_days),
    metadata: Object.fromEntries(draft.metadata.filter(({ name, value }) => name || value).map(({ name, value }) => [name, value])),
  };
  if (draft.ttl_days !== '') body.ttl_days = numbered(draft.ttl_days);
  return body;
}

const numbered = (text) => (/^\d+$/.test(text) ? Number(text) : String(text));
const seenRoles = () => [...state.keys.values()].flatMap((key) => key.roles);
const until = (key) => (statusOf(key) === 'active' ? `valid ${ago(key.expire)}` : plural(key.ttl_days, 'day'));
