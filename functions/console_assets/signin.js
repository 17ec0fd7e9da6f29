// Where one presents a key.
import { html, useEffect, useRef, useState } from './lib.js';
import { Icon } from './icons.js';
import { Note, Trouble } from './parts.js';
import { signIn } from './session.js';
import { ThemeButton } from './theme-button.js';

export function SignIn({ notice }) {
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const field = useRef();
  useEffect(() => { field.current.focus(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    if (!key || busy) {
      field.current.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await signIn(key); // this view ends with it, and the field's text with the view
    } catch (error) {
      if (!error.kind) throw error;
      setProblem(error);
      setBusy(false);
      field.current?.select();
    }
  };
  return html`
    <div class="signin">
      <div class="corner"><${ThemeButton} /></div>
      <main id="main" tabindex="-1">
        <img src=${new URL('icon.svg', import.meta.url).pathname} width="44" height="44" alt="" />
        <h1>Sign in to Keyturn</h1>
        <p class="lead">With an API key that has the role <span class="chip">admin</span></p>
        ${notice && !problem && html`<div role="status"><${Note} tone=${notice.tone}><p>${notice.text}</p><//></div>`}
        ${problem && html`<${Refusal} problem=${problem} again=${submit} />`}
        <form class="card" onSubmit=${submit}>
          <label for="admin-key">Admin key</label>
          <div class="with-button">
            <input id="admin-key" ref=${field} type=${shown ? 'text' : 'password'} autocomplete="off" autocapitalize="off"
              spellcheck=${false} placeholder="kt_…" aria-describedby="kept" />
            <button type="button" class="button quiet square" aria-label="Show the key" aria-pressed=${shown} onClick=${() => setShown(!shown)}>
              <${Icon} name="eye" />
            </button>
          </div>
          <button type="submit" class="button primary block" disabled=${busy} aria-busy=${busy}>
            ${busy && html`<span class="spinner" aria-hidden="true"></span>`}Sign in
          </button>
        </form>
        <p class="hint kept" id="kept"><${Icon} name="shield" />It stays in this page's memory: nothing is stored, and it is
          gone after a reload or 15 idle minutes.</p>
        <p class="hint"><a href="#/api">API reference</a></p>
      </main>
    </div>`;
}

function Refusal({ problem, again }) {
  if (problem.kind === 'unauthorized') {
    return html`<div role="alert"><${Note} tone="bad"><p><strong>This key is not accepted.</strong> It is mistyped, unknown, expired or revoked.</p><//></div>`;
  }
  if (problem.kind === 'role') {
    return html`
      <div role="alert"><${Note} tone="bad"><p><strong>This key is valid, but no admin's.</strong> ${problem.me.alias} has ${
        problem.me.roles.length ? `the roles ${problem.me.roles.join(', ')}` : 'no roles'}. The console needs a key with the role admin.</p><//></div>`;
  }
  return html`<${Trouble} problem=${problem} again=${again} />`;
}
