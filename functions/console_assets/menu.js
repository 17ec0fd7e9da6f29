// One menu for all rows: what can be done with a key, and why not.
import { html, useLayoutEffect, useRef } from './lib.js';
import { noRenewal, noRevocation, noRotation, openRevoke, openRotate } from './change.js';
import { openGrant } from './grant.js';
import { Icon } from './icons.js';
import { set, state } from './store.js';

let opened = 0;

export const openMenu = (key, button) => set({ menu: { key, button, turn: ++opened } });

export const VERBS = [
  { icon: 'renew', words: 'Renew', open: openGrant, not: noRenewal },
  { icon: 'rotate', words: 'Rotate', open: openRotate, not: noRotation },
  { icon: 'revoke', words: 'Revoke', open: openRevoke, not: noRevocation, danger: true },
];

export function Menu({ of }) {
  const { key, button } = of;
  const menu = useRef();
  useLayoutEffect(() => {
    const { current } = menu;
    const box = button.getBoundingClientRect();
    current.showPopover();
    const under = Math.min(box.bottom + 4, innerHeight - current.offsetHeight - 8);
    current.style.top = `${under}px`;
    current.style.left = `${Math.max(8, box.right - current.offsetWidth)}px`;
    current.querySelector('button').focus();
    const shut = () => current.isConnected && current.hidePopover();
    addEventListener('scroll', shut, { capture: true, once: true });
    return () => removeEventListener('scroll', shut, { capture: true });
  }, []);
  const closed = (event) => {
    if (event.newState !== 'closed' || state.menu !== of) return; // it may be open again already
    set({ menu: null });
    button.focus();
  };
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...menu.current.querySelectorAll('button')];
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
  };
  const choose = (verb) => {
    menu.current.hidePopover();
    button.focus(); // where the focus comes back to, once the dialog is closed
    verb.open(key);
  };
  return html`
    <div ref=${menu} popover="auto" class="menu" role="menu" aria-label=${`Actions for ${key.alias}`} onToggle=${closed} onKeyDown=${move}>
      ${VERBS.map((verb) => html`
        <button key=${verb.words} type="button" role="menuitem" class=${verb.danger ? 'danger' : ''}
          aria-disabled=${verb.not(key) !== ''} onClick=${() => verb.not(key) || choose(verb)}>
          <${Icon} name=${verb.icon} /><span>${verb.words}${verb.not(key) && html`<small>${verb.not(key)}</small>`}</span>
        </button>`)}
    </div>`;
}
