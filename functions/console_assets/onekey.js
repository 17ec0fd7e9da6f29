// A key's own page: what it is, who uses it, what happened to it.
import { html, useEffect, useState } from './lib.js';
import { call, Problem } from './api.js';
import { Icon } from './icons.js';
import { fetchKey, inGrace, statusOf } from './keys.js';
import { VERBS } from './menu.js';
import { Copy, Empty, Expiry, Grace, plural, Roles, Skeleton, Status, Trouble, When } from './parts.js';
import { state } from './store.js';
import { date, until } from './time.js';
import { Usage } from './usage.js';

const ID = /^[0-9A-Za-z]{17}$/;
const REASON = { unspecified: 'no reason given', superseded: 'superseded', cessation: 'cessation', compromised: 'compromised' };

export function OneKey({ id }) {
  const [problem, setProblem] = useState(null);
  const read = async () => {
    setProblem(null);
    try {
      if (!ID.test(id)) throw new Problem('not_found'); // a word of another route is no id
      await fetchKey(id);
    } catch (error) {
      setProblem(error);
    }
  };
  useEffect(() => { read(); }, [id]);
  const key = state.keys.get(id);
  const back = html`<a class="back" href="#/keys"><${Icon} name="back" />Keys</a>`;
  if (!key) {
    if (!problem) return html`${back}<${Skeleton} />`;
    if (problem.kind !== 'not_found') return html`${back}<${Trouble} problem=${problem} again=${read} />`;
    return html`${back}<div class="card"><${Empty} icon="key" title="There is no such key"><p>Its alias may never have been created here.</p><//></div>`;
  }
  return html`
    ${back}
    <div class="titled key">
      <div><h1>${key.alias}</h1><p class="subtitle"><${Status} of=${key} /><${Grace} of=${key} /><span>${key.name}</span></p></div>
      <div class="buttons">
        ${VERBS.map((verb) => html`
          <button key=${verb.words} type="button" class="button ${verb.danger ? 'danger-quiet' : ''}" disabled=${verb.not(key) !== ''}
            title=${verb.not(key) || null} onClick=${() => verb.open(key)}><${Icon} name=${verb.icon} />${verb.words}</button>`)}
      </div>
    </div>
    ${problem && html`<${Trouble} problem=${problem} again=${read} what="What is shown may be old." />`}
    ${key.status === 'revoked' && html`
      <div class="note bad"><${Icon} name="revoke" /><p>Revoked <${When} at=${key.revoked_at} />: ${REASON[key.revoke_reason] ?? 'no reason given'}.
        ${key.revoke_reason === 'compromised' ? ' It can be rotated, and never be renewed.' : ' A renewal makes it work again.'}</p></div>`}
    <div class="columns key">
      <div>
        <${Usage} id=${id} lastUsed=${key.last_used_at} />
        <${History} of=${key} />
      </div>
      <div>
        <${Strings} of=${key} />
        <${Details} of=${key} />
      </div>
    </div>`;
}

function Strings({ of }) {
  const status = statusOf(of);
  return html`
    <section class="card" aria-labelledby="strings">
      <header><h2 id="strings">Strings</h2></header>
      <ul class="strings">
        <li key="current"><span class="generation">${of.generation}</span>
          <div><p><code>${of.hint}</code> <span class="faint">${status === 'active' ? 'current string' : status}</span></p><${Expiry} of=${of} long /></div></li>
        ${inGrace(of) && html`
          <li key="before"><span class="generation old">${of.generation - 1}</span>
            <div><p>The one before works until <strong>${date(of.previous_expires_at)}</strong></p>
              ${of.previous_last_seen_at !== undefined && html`
                <p class="faint small">${of.previous_last_seen_at ? 'Last seen ' : ''}<${When} at=${of.previous_last_seen_at} none="Not seen since the rotation" /></p>`}</div></li>`}
        ${!inGrace(of) && of.previous_expires_at && html`
          <li key="ended"><span class="generation old">${of.generation - 1}</span>
            <div><p class="faint">The one before ended <${When} at=${status === 'revoked' && until(of.previous_expires_at) > 0 ? of.revoked_at : of.previous_expires_at} /></p></div></li>`}
      </ul>
    </section>`;
}

function Details({ of }) {
  const metadata = Object.entries(of.metadata);
  return html`
    <section class="card" aria-labelledby="details">
      <header><h2 id="details">Details</h2></header>
      <dl class="facts">
        <div><dt>Id</dt><dd><code>${of.id}</code><${Copy} text=${of.id} label="Copy the id" /></dd></div>
        <div><dt>Roles</dt><dd><${Roles} of=${of.roles} /></dd></div>
        <div><dt>Expires</dt><dd>${date(of.expire)}</dd></div>
        <div><dt>Valid for</dt><dd>${plural(of.ttl_days, 'day')}</dd></div>
        <div><dt>Rotates by itself</dt><dd>${of.rotate_every_days ? `every ${plural(of.rotate_every_days, 'day')}` : 'no'}</dd></div>
        <div><dt>Last used</dt><dd><${When} at=${of.last_used_at} none="never, or not recorded" />${of.last_generation_used
          && of.last_generation_used !== of.generation && html`<span class="faint">with generation ${of.last_generation_used}</span>`}</dd></div>
        <div><dt>Created</dt><dd>${date(of.created_at)}</dd></div>
        <div><dt>Changed</dt><dd>${date(of.updated_at)}<br /><span class="faint">by <${Actor} of=${of.updated_by} /></span></dd></div>
        ${metadata.map(([name, value]) => html`<div key=${`m ${name}`} class="own"><dt>${name}</dt><dd>${value}</dd></div>`)}
      </dl>
    </section>`;
}

/** Who it was: a key by its id and alias, IAM, an event, a secret, or the schedule. */
function Actor({ of }) {
  const [kind, ...rest] = of.split(':');
  const more = rest.join(':');
  if (of === 'iam') return 'a direct invoke (IAM)';
  if (of === 'schedule') return 'the schedule';
  if (kind === 'event') return html`an event <code class="small">${more.slice(0, 13)}…</code>`;
  if (kind === 'secret') return 'Secrets Manager';
  return more ? html`<a href=${`#/keys/${encodeURIComponent(kind)}`}>${more}</a>` : of;
}

function History({ of }) {
  const [events, setEvents] = useState(null);
  const [cursor, setCursor] = useState(null);
  const [problem, setProblem] = useState(null);
  const read = async (after) => {
    setProblem(null);
    try {
      const page = await call('GET', `/${of.id}/events`, { query: { limit: 20, cursor: after } });
      setEvents((known) => (after ? [...known, ...page.items] : page.items));
      setCursor(page.cursor);
    } catch (error) {
      setProblem(error);
    }
  };
  useEffect(() => {
    read();
    const later = setTimeout(read, 2_500); // what just happened is told through the table's stream
    return () => clearTimeout(later);
  }, [of.id, of.updated_at]);
  return html`
    <section class="card" aria-labelledby="history">
      <header><h2 id="history">History</h2></header>
      ${problem && html`<${Trouble} problem=${problem} again=${() => read(events ? cursor : undefined)} />`}
      ${!events && !problem && html`<${Skeleton} rows="3" />`}
      ${events?.length === 0 && html`<p class="none">Nothing is on record yet.</p>`}
      ${events?.length > 0 && html`
        <ol class="timeline">
          ${events.map((event) => html`
            <li key=${event.event_id} class=${event.type.toLowerCase().replaceAll(' ', '-')}>
              <i aria-hidden="true"></i>
              <div><p><strong>${event.type}</strong> ${said(event)}</p>
                <p class="faint small"><${When} at=${event.at} /> by <${Actor} of=${event.actor} /></p></div>
            </li>`)}
        </ol>`}
      ${cursor && html`<button type="button" class="button quiet block" onClick=${() => read(cursor)}>Show older</button>`}
    </section>`;
}

function said(event) {
  switch (event.type) {
    case 'Key Created': case 'Key Renewed': case 'Key Reactivated': return `valid until ${date(event.expire)}`;
    case 'Key Rotated': return `generation ${event.generation}${event.previous_expires_at ? `, the string before works until ${date(event.previous_expires_at)}` : ''}`;
    case 'Key Revoked': return REASON[event.reason] ?? '';
    case 'Grace Shortened': return `to ${date(event.previous_expires_at)}`;
    default: return '';
  }
}
