// Small pieces that every view is put together from.
import { html, useEffect, useRef, useState } from './lib.js';
import { Icon } from './icons.js';
import { inGrace, left, statusOf } from './keys.js';
import { ago, agoShort, date, DAY, until } from './time.js';

const STATUS = { active: 'Active', expired: 'Expired', revoked: 'Revoked' };

/** A time in words, with the exact one at hand. */
export function When({ at, none = '—', brief }) {
  if (!at) return html`<span class="faint">${none}</span>`;
  return html`<time datetime=${at} title=${date(at)}>${brief ? agoShort(at) : ago(at)}</time>`;
}

export function Status({ of }) {
  const status = statusOf(of);
  return html`<span class="badge ${status}"><i aria-hidden="true"></i>${STATUS[status]}</span>`;
}

export function Grace({ of }) {
  return inGrace(of) && html`
    <span class="badge grace" title=${`The string before the last rotation works until ${date(of.previous_expires_at)}`}>2 strings</span>`;
}

export function Roles({ of }) {
  return of.length
    ? html`<span class="chips">${of.map((role) => html`<span key=${role} class="chip">${role}</span>`)}</span>`
    : html`<span class="faint">no roles</span>`;
}

/** The bar that empties, and in words what is left. */
export function Expiry({ of, long }) {
  const status = statusOf(of);
  const soon = until(of.expire) < 3 * DAY ? 'low' : until(of.expire) < 14 * DAY ? 'mid' : '';
  const share = status === 'active' ? left(of) : 0;
  const words = status === 'revoked' ? 'ended' : status === 'expired' ? 'expired ' : '';
  return html`
    <span class="expiry ${status} ${status === 'active' ? soon : ''}">
      <span class="track" aria-hidden="true"><span style=${{ width: `${(share * 100).toFixed(1)}%` }}></span></span>
      <span class="words">${words}${status !== 'revoked' && html`<${When} at=${of.expire} brief=${!long} />`}</span>
    </span>`;
}

export function Copy({ text, label, wide, onCopied }) {
  const [done, setDone] = useState('');
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone('Copied');
      onCopied?.();
    } catch {
      setDone('Select it and copy by hand');
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(''), 2_500);
  };
  return html`
    <button type="button" class=${wide ? 'button primary' : 'button quiet square'} autofocus=${!!wide} onClick=${copy}
      aria-label=${wide ? null : label} title=${wide ? null : label}>
      <${Icon} name=${done === 'Copied' ? 'check' : 'copy'} />${wide && (done || label)}
      <span class="sr" role="status">${done}</span>
    </button>`;
}

/** What went wrong, and a way to try again, once the server said it may be. */
export function Trouble({ problem, again, what }) {
  const [wait, setWait] = useState(problem.wait);
  useEffect(() => {
    setWait(problem.wait);
    const timer = setInterval(() => setWait((seconds) => Math.max(0, seconds - 1)), 1_000);
    return () => clearInterval(timer);
  }, [problem]);
  return html`
    <div class="note bad">
      <${Icon} name="warn" />
      <div role="alert">
        <p>${what && html`<strong>${what} </strong>`}${sentence(problem.message)}</p>
        ${problem.request && html`<p class="faint small">Request <code>${problem.request}</code></p>`}
      </div>
      ${again && problem.passes && html`
        <button type="button" class="button small" disabled=${wait > 0} onClick=${again}>
          ${wait > 0 ? `Try again in ${wait} s` : 'Try again'}
        </button>`}
    </div>`;
}

export function Note({ tone = 'info', children }) {
  return html`
    <div class="note ${tone}"><${Icon} name=${tone === 'info' || tone === 'good' ? 'info' : 'warn'} /><div>${children}</div></div>`;
}

export function Field({ label, hint, error, id, children }) {
  return html`
    <div class="field ${error ? 'wrong' : ''}">
      <label for=${id}>${label}</label>
      ${children}
      ${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>`;
}

export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${children}</div>`;
}

export function Skeleton({ rows = 6 }) {
  return html`
    <div class="skeleton" aria-hidden="true">${Array.from({ length: rows }, (_, row) => html`<span key=${row}></span>`)}</div>
    <p class="sr" role="status">Loading</p>`;
}

export const sentence = (text) => {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
export const link = (key) => `#/keys/${encodeURIComponent(key.id)}`;
