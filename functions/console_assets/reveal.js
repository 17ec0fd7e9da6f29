// A key string, on the screen once. It is in this page's memory only while it is shown.
import { html, useRef, useState } from './lib.js';
import { Dialog } from './dialog.js';
import { Icon } from './icons.js';
import { Copy, Note, When } from './parts.js';
import { set, toast } from './store.js';
import { ago, date, until } from './time.js';

/** Show what a create, a renewal or a rotation answered. */
export const reveal = (answer, how) => set({ reveal: { ...answer, how } });

const TITLE = { created: 'is created', renewed: 'is renewed', rotated: 'has a new string' };

export function Reveal({ of }) {
  const [copied, setCopied] = useState(false);
  const [asked, setAsked] = useState(false);
  const text = useRef();
  const close = () => {
    if (!copied && !asked) {
      setAsked(true);
      return;
    }
    set({ reveal: null });
    toast(`${of.alias} ${TITLE[of.how]}.`);
  };
  const select = () => getSelection().selectAllChildren(text.current);
  const grace = of.previous_expires_at && until(of.previous_expires_at) > 0;
  return html`
    <${Dialog} title=${`${of.alias} ${TITLE[of.how]}`} onClose=${close}>
      <div class="body">
        <${Note} tone="warn">
          <p><strong>Copy it now: it is shown once.</strong> With this closed it is gone from this page. Put it where its user will
            look for it, and nowhere else: who has it can use it.${of.how === 'renewed' ? ' It is the same string as before.' : ''}</p>
        <//>
        <p class="secret" ref=${text} tabindex="0" role="textbox" aria-readonly="true" aria-label="The key" onClick=${select} onFocus=${select}>${of.key}</p>
        <${Copy} text=${of.key} label="Copy the key" wide onCopied=${() => setCopied(true)} />
        <dl class="facts">
          <div><dt>Valid until</dt><dd>${date(of.expire)} <span class="faint">(${ago(of.expire)})</span></dd></div>
          <div><dt>Generation</dt><dd>${of.generation}</dd></div>
          ${of.how === 'rotated' && html`
            <div><dt>The string before</dt><dd>${grace ? `works until ${date(of.previous_expires_at)}` : 'has ended'}${of.previous_last_seen_at
              && html`<span class="faint">last seen <${When} at=${of.previous_last_seen_at} /></span>`}</dd></div>`}
        </dl>
      </div>
      <footer>
        ${asked && !copied && html`<p class="warned" role="alert"><${Icon} name="warn" />It was not copied. Close all the same?</p>`}
        <button type="button" class="button" onClick=${close}>${asked && !copied ? 'Close without a copy' : 'Done'}</button>
      </footer>
    <//>`;
}
