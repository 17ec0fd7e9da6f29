// All keys, as a table: searched, filtered and sorted here, because they are here.
import { html, useEffect, useMemo, useRef, useState } from './lib.js';
import { now } from './api.js';
import { openGrant } from './grant.js';
import { Icon } from './icons.js';
import { load, look, statusOf, unused } from './keys.js';
import { openMenu } from './menu.js';
import { Empty, Expiry, Grace, link, plural, Roles, Skeleton, Status, When } from './parts.js';
import { go, set, state } from './store.js';
import { clock, DAY } from './time.js';

const FIRST = 30; // rows drawn at once, more than fit: drawing is what takes time, not having them
const STEP = 100;
const FILTERS = [['', 'All'], ['active', 'Active'], ['expired', 'Expired'], ['revoked', 'Revoked']];
const COLUMNS = [
  ['alias', 'Key', (key) => key.alias],
  ['status', 'Status', (key) => statusOf(key)],
  [null, 'Roles'],
  ['expire', 'Expires', (key) => key.expire],
  ['used', 'Last used', (key) => key.last_used_at ?? ''],
  ['generation', 'Gen.', (key) => key.generation],
];

export function List({ query }) {
  const [text, setText] = useState(query.get('q') ?? '');
  const status = query.get('status') ?? '';
  const sort = query.get('sort') ?? 'alias';
  const down = query.has('down');
  const keys = useMemo(
    () => arranged(chosen([...state.keys.values()], text, query), sort, down),
    [state.keys, text, query],
  );
  const [drawn, setDrawn] = useState(FIRST);
  useEffect(() => setDrawn(FIRST), [text, query]);
  const turn = (change) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(change)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    go(`keys${next.size ? `?${next}` : ''}`, { replace: true });
  };
  const narrowed = ['week', 'use'].find((name) => query.has(name));
  return html`
    <div class="titled">
      <h1>Keys</h1>
      <button type="button" class="button primary" onClick=${() => openGrant()}><${Icon} name="plus" />Create key</button>
    </div>
    <div class="tools">
      <${Search} text=${text} onInput=${setText} />
      <div class="segments" role="group" aria-label="Status">
        ${FILTERS.map(([value, words]) => html`
          <button key=${value} type="button" aria-pressed=${status === value} onClick=${() => turn({ status: value })}>${words}</button>`)}
      </div>
      ${narrowed && html`
        <button type="button" class="button small" onClick=${() => turn({ week: '', use: '' })}>
          ${narrowed === 'use' ? 'Unused for 30 days' : 'Expire within one week'}<${Icon} name="cross" /><span class="sr">Remove this filter</span>
        </button>`}
      <span class="count" role="status" data-keys=${state.loading ? '' : state.keys.size}>
        ${state.loading ? `Loading… ${state.keys.size || ''}` : `${plural(keys.length, 'key')}${keys.length < state.keys.size ? ` of ${state.keys.size.toLocaleString('en')}` : ''}`}
      </span>
      <button type="button" class="button quiet square" aria-label="Refresh" title=${state.asOf ? `As of ${clock(state.asOf)}. Refresh` : 'Refresh'}
        disabled=${state.loading} onClick=${load}><${Icon} name="refresh" /></button>
    </div>
    ${!state.loaded && !state.loading && !state.problem && html`<${Beyond} text=${text} />`}
    ${!state.keys.size && (state.loading || state.problem)
      ? state.loading && html`<${Skeleton} rows="8" />`
      : !keys.length
        ? html`<div class="card"><${None} text=${text} all=${state.keys.size} /></div>`
        : html`
          <div class="card table">
            <table>
              <caption class="sr">Keys</caption>
              <thead><tr>
                ${COLUMNS.map(([name, words]) => html`<${Head} key=${words} name=${name} words=${words} sort=${sort} down=${down}
                  onSort=${() => turn({ sort: name, down: sort === name && !down ? '1' : '' })} />`)}
                <th><span class="sr">Actions</span></th>
              </tr></thead>
              <tbody>${keys.slice(0, drawn).map((key) => html`<${Row} key=${key.id} of=${key} />`)}</tbody>
            </table>
            ${keys.length > drawn && html`<${More} left=${keys.length - drawn} onMore=${() => setDrawn(drawn + STEP)} />`}
          </div>`}`;
}

function Search({ text, onInput }) {
  const field = useRef();
  useEffect(() => {
    const jump = (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
        || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      field.current.focus();
    };
    addEventListener('keydown', jump);
    return () => removeEventListener('keydown', jump);
  }, []);
  return html`
    <div class="search">
      <${Icon} name="search" />
      <input ref=${field} type="search" value=${text} placeholder="Search alias, name, id" aria-label="Search keys" autocomplete="off"
        spellcheck=${false} aria-keyshortcuts="/" onInput=${(event) => onInput(event.target.value)} />
      <kbd aria-hidden="true">/</kbd>
    </div>`;
}

function Head({ name, words, sort, down, onSort }) {
  if (!name) return html`<th scope="col" class="roles">${words}</th>`;
  const mine = sort === name;
  return html`
    <th scope="col" class=${name} aria-sort=${mine ? (down ? 'descending' : 'ascending') : null}>
      <button type="button" onClick=${onSort}>${words}<${Icon} name=${mine ? (down ? 'down' : 'up') : 'sort'} /></button>
    </th>`;
}

function Row({ of }) {
  // Kept as it is until the key changes: with a thousand of them it counts.
  return useMemo(() => html`
    <tr>
      <th scope="row" class="alias"><a href=${link(of)}><span class="alias">${of.alias}</span><span class="name">${of.name}</span></a>
        <span class="on-narrow"><${Status} of=${of} /></span></th>
      <td class="status"><${Status} of=${of} /></td>
      <td class="roles"><${Roles} of=${of.roles} /></td>
      <td class="expire"><${Expiry} of=${of} /></td>
      <td class="used"><${When} at=${of.last_used_at} none="never" brief /></td>
      <td class="generation">${of.generation}<${Grace} of=${of} /></td>
      <td class="actions"><button type="button" class="button quiet square" aria-label=${`Actions for ${of.alias}`} aria-haspopup="menu"
        onClick=${(event) => openMenu(of, event.currentTarget)}><${Icon} name="more" /></button></td>
    </tr>`, [of]);
}

/** Draws more when it comes into sight, and when it is pressed. */
function More({ left, onMore }) {
  const button = useRef();
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => { if (entry.isIntersecting) onMore(); }, { rootMargin: '600px' });
    watch.observe(button.current);
    return () => watch.disconnect();
  }, [left]);
  return html`<button ref=${button} type="button" class="button quiet block" onClick=${onMore}>Show more (${left.toLocaleString('en')} left)</button>`;
}

function Beyond({ text }) {
  const find = async () => {
    try {
      await look(text.trim());
    } catch (problem) {
      set({ problem });
    }
  };
  return html`
    <div class="note info"><${Icon} name="info" /><p>These are the first ${state.keys.size.toLocaleString('en')} by alias; there are more.</p>
      <button type="button" class="button small" disabled=${!text.trim()} onClick=${find}>Find aliases that begin with “${text.trim() || '…'}”</button></div>`;
}

function None({ text, all }) {
  if (!all && !state.loading) return html`<${Empty} icon="key" title="No keys yet"><p>Create the first one.</p><//>`;
  return html`<${Empty} icon="search" title="No key like that"><p>${text ? `Nothing matches “${text}” here.` : 'None is in this state.'}</p><//>`;
}

function chosen(keys, text, query) {
  const status = query.get('status');
  const words = text.trim().toLowerCase();
  const week = query.has('week') ? now() + Number(query.get('week')) * 7 * DAY : null;
  return keys.filter((key) => (
    (!status || statusOf(key) === status)
    && (!query.has('use') || unused(key, 30))
    && (week === null || (Date.parse(key.expire) >= week && Date.parse(key.expire) < week + 7 * DAY))
    && (!words || [key.alias, key.name, key.id, key.hint, ...Object.values(key.metadata)].some((part) => part.toLowerCase().includes(words)))
  ));
}

function arranged(keys, sort, down) {
  const value = (COLUMNS.find(([name]) => name === sort) ?? COLUMNS[0])[2];
  const order = (a, b) => { const [x, y] = [value(a), value(b)]; return x < y ? -1 : x > y ? 1 : 0; };
  const sorted = sort === 'alias' ? keys : keys.sort(order); // they come by alias
  return down ? sorted.reverse() : sorted;
}
