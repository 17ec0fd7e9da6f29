// The frame around the views, and the way from one to the other.
import { html, render, useEffect, useRef } from './lib.js';
import { RevokeDialog, RotateDialog } from './change.js';
import { GrantDialog } from './grant.js';
import { Icon } from './icons.js';
import { load } from './keys.js';
import { List } from './list.js';
import { Menu } from './menu.js';
import { OneKey } from './onekey.js';
import { Overview } from './overview.js';
import { Trouble, When } from './parts.js';
import { Reveal } from './reveal.js';
import { signOut, stay } from './session.js';
import { SignIn } from './signin.js';
import { readRoute, state, unsay, useStore } from './store.js';
import { ThemeButton } from './theme-button.js';
import { DAY, until } from './time.js';
import { Reference } from './reference.js';

const DIALOGS = { grant: GrantDialog, rotate: RotateDialog, revoke: RevokeDialog };
const VIEWS = [['overview', 'Overview', 'overview'], ['keys', 'Keys', 'key'], ['api', 'API', 'book']];
const ICON = new URL('icon.svg', import.meta.url).pathname;

function App() {
  const { me, notice, route, dialog, reveal } = useStore();
  const open = me && dialog && (!dialog.id || state.keys.has(dialog.id)) ? dialog : null;
  const Asked = open && DIALOGS[open.kind];
  const view = !me && route.view !== 'api'
    ? html`<${SignIn} notice=${notice} />`
    : html`<${Frame} me=${me} route=${route} />`;
  return html`
    ${view}
    ${Asked && !reveal && html`<${Asked} key=${`${open.kind} ${open.id}`} dialog=${open} />`}
    ${reveal && html`<${Reveal} key=${reveal.key} of=${reveal} />`}
    <${Toasts} />`;
}

function Frame({ me, route }) {
  const main = useRef();
  const view = route.view + route.id;
  const shown = useRef(view);
  const title = route.id ? state.keys.get(route.id)?.alias ?? 'Key' : VIEWS.find(([name]) => name === route.view)[1];
  useEffect(() => {
    document.title = `${title} · Keyturn`;
    if (shown.current !== view) { // as a browser does with another page
      shown.current = view;
      scrollTo(0, 0);
      main.current.focus({ preventScroll: true });
    }
  }, [view, title]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to the content</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href="#/overview"><img src=${ICON} width="26" height="26" alt="" />Keyturn</a>
        <nav aria-label="Views">
          ${VIEWS.map(([name, words, icon]) => html`
            <a key=${name} href=${`#/${name}`} aria-current=${route.view === name ? (route.id ? 'true' : 'page') : null}><${Icon} name=${icon} /><span>${words}</span></a>`)}
        </nav>
        <${Me} me=${me} />
      </header>
      <main id="main" ref=${main} tabindex="-1">
        ${me && state.problem && html`<${Trouble} problem=${state.problem} again=${load} what=${state.keys.size ? 'Not all keys could be read.' : 'The keys could not be read.'} />`}
        ${route.view === 'api' ? html`<${Reference} />`
          : route.view === 'keys' && route.id ? html`<${OneKey} key=${route.id} id=${route.id} />`
          : route.view === 'keys' ? html`<${List} query=${route.query} />` : html`<${Overview} />`}
        ${me && state.menu && html`<${Menu} key=${state.menu.turn} of=${state.menu} />`}
      </main>
    </div>`;
}

function Me({ me }) {
  if (!me) return html`<div class="me"><a class="button small" href="#/overview">Sign in</a><${ThemeButton} /></div>`;
  const ends = until(me.expire) < 7 * DAY;
  return html`
    <div class="me">
      <a class="who" href=${`#/keys/${encodeURIComponent(me.id)}`}><strong>${me.alias}</strong>
        <span class=${ends ? 'ends' : 'faint'}>ends <${When} at=${me.expire} /></span></a>
      <${ThemeButton} />
      <button type="button" class="button quiet square" aria-label="Sign out" title="Sign out" onClick=${() => signOut()}><${Icon} name="out" /></button>
    </div>`;
}

function Toasts() {
  return html`
    <div class="toasts">
      <div role="status" aria-live="polite">
        ${state.toasts.map((each) => html`
          <p key=${each.id} class="toast ${each.tone}"><${Icon} name="check" />${each.text}
            <button type="button" class="button quiet square" aria-label="Dismiss" onClick=${() => unsay(each.id)}><${Icon} name="cross" /></button></p>`)}
      </div>
      <div role="alert">
        ${state.leaving > 0 && html`<p class="toast">Nobody there? You are signed out in a minute.
          <button type="button" class="button small" onClick=${stay}>Stay signed in</button></p>`}
      </div>
    </div>`;
}

addEventListener('hashchange', readRoute);
readRoute();
render(html`<${App} />`, document.getElementById('app'));
