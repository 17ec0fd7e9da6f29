// The browser's own dialog: it keeps the focus in, gives it back, and closes on Escape.
import { html, useEffect, useLayoutEffect, useRef, useState } from './lib.js';
import { Icon } from './icons.js';
import { Trouble } from './parts.js';

let opened = 0;

export function Dialog({ title, onClose, wide, children, busy }) {
  const dialog = useRef();
  const [id] = useState(() => `dialog-${++opened}`);
  useLayoutEffect(() => {
    const { current } = dialog;
    const before = document.activeElement;
    current.showModal();
    return () => {
      current.close(); // before it is taken away: this is what gives the focus back
      if (!before?.isConnected) document.querySelector('main')?.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  return html`
    <dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-labelledby=${id} onCancel=${cancel}>
      <div class="head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="button quiet square" aria-label="Close" disabled=${busy} onClick=${onClose}>
          <${Icon} name="cross" />
        </button>
      </div>
      ${children}
    </dialog>`;
}

/** A dialog that asks for something and has it done: `act` may throw a Problem, and is then asked again. */
export function Ask({ title, verb, danger, wide, act, onClose, disabled, children }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  const form = useRef();
  useEffect(() => () => { alive.current = false; }, []);
  useEffect(() => { if (problem?.field) form.current.querySelector('.wrong :is(input, select)')?.focus(); }, [problem]);
  const submit = async (event) => {
    event?.preventDefault();
    if (busy || disabled) return;
    setBusy(true);
    setProblem(null);
    try {
      await act();
    } catch (error) {
      if (!error.kind) throw error;
      if (alive.current) setProblem(error);
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  const unknown = ['offline', 'unavailable', 'unexpected'].includes(problem?.kind);
  return html`
    <${Dialog} title=${title} onClose=${onClose} wide=${wide} busy=${busy}>
      <form ref=${form} onSubmit=${submit} novalidate>
        <div class="body">
          ${children(problem)}
          ${problem && !problem.field && html`
            <${Trouble} problem=${problem} again=${submit}
              what=${unknown ? 'Whether it was done is not known; to try again is safe.' : ''} />`}
        </div>
        <footer>
          <button type="button" class="button" disabled=${busy} onClick=${onClose}>Cancel</button>
          <button type="submit" class="button ${danger ? 'danger' : 'primary'}" disabled=${busy || disabled} aria-busy=${busy}>
            ${busy && html`<span class="spinner" aria-hidden="true"></span>`}${verb}
          </button>
        </footer>
      </form>
    <//>`;
}
