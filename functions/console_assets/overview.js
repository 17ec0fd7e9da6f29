// What there is, and what wants attention.
import { html } from './lib.js';
import { now } from './api.js';
import { openGrant } from './grant.js';
import { Icon } from './icons.js';
import { inGrace, statusOf, unused } from './keys.js';
import { Empty, Expiry, link, plural, Skeleton, Status, When } from './parts.js';
import { state } from './store.js';
import { DAY, day, until } from './time.js';

const WEEKS = 8;
const IDLE_DAYS = 30;

const knowsUse = (keys) => keys.some((key) => key.last_used_at);

export function Overview() {
  const keys = [...state.keys.values()];
  if (!keys.length && (state.loading || state.problem)) return html`<h1>Overview</h1>${state.loading && html`<${Skeleton} />`}`;
  if (state.loaded && keys.length <= 1) return html`<h1>Overview</h1><${First} />`;
  const active = keys.filter((key) => statusOf(key) === 'active');
  const soon = active.filter((key) => until(key.expire) < 14 * DAY).sort(byEnd);
  const idle = keys.filter((key) => unused(key, IDLE_DAYS)).sort(byUse);
  const counts = {
    expired: keys.filter((key) => statusOf(key) === 'expired').length,
    revoked: keys.filter((key) => statusOf(key) === 'revoked').length,
  };
  const recent = [...keys].sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)).slice(0, 6);
  return html`
    <div class="titled">
      <h1>Overview</h1>
      <button type="button" class="button primary" onClick=${() => openGrant()}><${Icon} name="plus" />Create key</button>
    </div>
    <div class="tiles">
      <${Tile} to="keys?status=active" count=${active.length} label="Active" tone="active"
        more=${plural(active.filter(inGrace).length, 'rotation')} end="in grace" />
      <${Tile} to="keys?sort=expire&status=active" count=${soon.length} label="Expire in 14 days" tone=${soon.length ? 'warn' : ''}
        more=${soon.length ? 'next' : 'nothing to do'} at=${soon[0]?.expire} />
      <${Tile} to="keys?status=expired" count=${counts.expired} label="Expired" more="can be renewed" />
      <${Tile} to="keys?status=revoked" count=${counts.revoked} label="Revoked"
        more=${`${keys.filter((key) => key.revoke_reason === 'compromised').length} as compromised`} />
    </div>
    <div class="columns">
      <section class="card chart" aria-labelledby="weeks">
        <header><h2 id="weeks">Expiries of the coming weeks</h2></header>
        <${Weeks} of=${active} />
      </section>
      <section class="card" aria-labelledby="next">
        <header><h2 id="next">Next to expire</h2></header>
        <${Rows} of=${soon.slice(0, 5)} none="No key expires within 14 days.">${(key) => html`<${Expiry} of=${key} />`}<//>
      </section>
      <section class="card" aria-labelledby="idle">
        <header><h2 id="idle">Unused for ${IDLE_DAYS} days</h2>${knowsUse(keys) && idle.length > 5 && html`<a href="#/keys?use=idle">All ${idle.length}</a>`}</header>
        ${knowsUse(keys)
          ? html`<${Rows} of=${idle.slice(0, 5)} none="Every active key is in use.">${(key) => html`
              <span class="words"><${When} at=${key.last_used_at} none="never used" brief /></span>`}<//>`
          : html`<p class="none">No use of any key has been recorded yet.</p>`}
      </section>
      <section class="card" aria-labelledby="recent">
        <header><h2 id="recent">Recently changed</h2></header>
        <${Rows} of=${recent} none="Nothing yet.">${(key) => html`<span class="words"><${When} at=${key.updated_at} brief /></span>`}<//>
      </section>
    </div>`;
}

function Tile({ to, count, label, more, end = '', at, tone = '' }) {
  return html`
    <a class="card tile ${tone}" href=${`#/${to}`}>
      <span class="label">${label}</span>
      <strong>${count.toLocaleString('en')}</strong>
      <span class="more">${more} ${at ? html`<${When} at=${at} />` : end}</span>
    </a>`;
}

function Weeks({ of }) {
  const weeks = Array.from({ length: WEEKS }, (_, week) => {
    const from = now() + week * 7 * DAY;
    const keys = of.filter((key) => Date.parse(key.expire) >= from && Date.parse(key.expire) < from + 7 * DAY);
    return { week, from, count: keys.length };
  });
  const most = Math.max(4, ...weeks.map(({ count }) => count));
  const later = of.length - weeks.reduce((sum, { count }) => sum + count, 0);
  return html`
    <ol class="weeks">
      ${weeks.map(({ week, from, count }) => html`
        <li key=${week}>
          <a href=${`#/keys?status=active&sort=expire&week=${week}`}>
            <span class="bar"><span class=${week < 2 ? 'near' : ''} style=${{ height: `${(100 * count) / most}%` }}><b>${count || ''}</b></span></span>
            <span class="sr">${count ? '' : 'no'} ${count === 1 ? 'key expires' : 'keys expire'} in the week from</span>
            <span class="when">${week === 0 ? 'Now' : day(from)}</span>
          </a>
        </li>`)}
    </ol>
    <p class="none">${later ? `${plural(later, 'key')} later than that.` : 'None later than that.'}</p>`;
}

function Rows({ of, none, children }) {
  if (!of.length) return html`<p class="none">${none}</p>`;
  return html`
    <ul class="rows">
      ${of.map((key) => html`
        <li key=${key.id}><a href=${link(key)}><span class="alias">${key.alias}</span><span class="faint name">${key.name}</span></a>
          ${statusOf(key) !== 'active' && html`<${Status} of=${key} />`}${children(key)}</li>`)}
    </ul>`;
}

function First() {
  return html`
    <div class="card"><${Empty} icon="key" title="No keys yet but yours">
      <p>Make one for the first service or person that is to call your APIs.</p>
      <button type="button" class="button primary" onClick=${() => openGrant()}><${Icon} name="plus" />Create key</button>
    <//></div>`;
}

const byEnd = (a, b) => (a.expire < b.expire ? -1 : 1);
const byUse = (a, b) => ((a.last_used_at ?? '') < (b.last_used_at ?? '') ? -1 : 1);
