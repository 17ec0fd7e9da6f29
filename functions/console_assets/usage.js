// Who asked with this key, day by day. The chart is for the eye; the same numbers are in a table.
import { html, useEffect, useRef, useState } from './lib.js';
import { call } from './api.js';
import { plural, Skeleton, Trouble, When } from './parts.js';
import { day } from './time.js';

const SPANS = [7, 30, 90];
const HEIGHT = 180;

export function Usage({ id, lastUsed }) {
  const [span, setSpan] = useState(30);
  const [days, setDays] = useState(null);
  const [problem, setProblem] = useState(null);
  const read = async () => {
    setProblem(null);
    try {
      setDays((await call('GET', `/${id}/usage`, { query: { days: span } })).items);
    } catch (error) {
      setProblem(error);
    }
  };
  useEffect(() => { read(); }, [id, span]);
  const sum = (part) => days.reduce((total, each) => total + each[part], 0);
  const absent = problem?.kind === 'route_not_found';
  return html`
    <section class="card usage" aria-labelledby="usage">
      <header>
        <h2 id="usage">Usage</h2>
        ${!absent && html`
          <div class="segments" role="group" aria-label="Days">
            ${SPANS.map((value) => html`<button key=${value} type="button" aria-pressed=${span === value} onClick=${() => setSpan(value)}>${value} d</button>`)}
          </div>`}
      </header>
      ${problem && !absent && html`<${Trouble} problem=${problem} again=${read} />`}
      ${absent && html`<p class="none">This deployment does not count usage.</p>`}
      ${!days && !problem && html`<${Skeleton} rows="3" />`}
      ${days && !problem && html`
        <dl class="sums">
          <div><dt><i class="allowed" aria-hidden="true"></i>Allowed</dt><dd>${sum('allowed').toLocaleString('en')}</dd></div>
          <div><dt><i class="denied" aria-hidden="true"></i>Denied</dt><dd>${sum('denied').toLocaleString('en')}</dd></div>
          <div><dt>Last used</dt><dd><${When} at=${lastUsed} none="never" /></dd></div>
        </dl>
        ${sum('allowed') + sum('denied') > 0 ? html`<${Chart} of=${days} />` : html`<p class="none">Not used within ${plural(span, 'day')}.</p>`}
        <details>
          <summary>The numbers as a table</summary>
          <div class="scroll" tabindex="0" role="region" aria-label="Usage by day">
            <table class="numbers">
              <thead><tr><th scope="col">Day (UTC)</th><th scope="col">Allowed</th><th scope="col">Denied</th></tr></thead>
              <tbody>${[...days].reverse().map((each) => html`
                <tr key=${each.day}><th scope="row">${each.day}</th><td>${each.allowed.toLocaleString('en')}</td>
                  <td>${reasons(each)} ${each.denied.toLocaleString('en')}</td></tr>`)}</tbody>
            </table>
          </div>
        </details>`}
    </section>`;
}

const reasons = ({ denied_by_reason: by = {} }) => {
  const said = Object.entries(by).map(([reason, count]) => `${count} ${reason.replaceAll('_', ' ')}`);
  return said.length > 0 && html`<span class="faint">${said.join(', ')}</span>`;
};

function Chart({ of }) {
  const place = useRef();
  const [pointed, setPointed] = useState(null);
  useEffect(() => {
    const { current } = place;
    let chart, gone;
    const draw = async () => {
      const { default: Plot } = await import('./vendor/uplot.js');
      if (gone) return;
      chart?.destroy();
      chart = new Plot(options(Plot, current, of, setPointed), columns(of), current);
    };
    const fit = new ResizeObserver(() => chart?.setSize({ width: current.clientWidth, height: HEIGHT }));
    const dark = matchMedia('(prefers-color-scheme: dark)');
    draw();
    fit.observe(current);
    dark.addEventListener('change', draw);
    addEventListener('themechange', draw);
    return () => {
      gone = true;
      fit.disconnect();
      dark.removeEventListener('change', draw);
      removeEventListener('themechange', draw);
      chart?.destroy();
    };
  }, [of]);
  const each = pointed === null ? null : of[pointed];
  return html`
    <p class="pointed" aria-hidden="true">${each
      ? html`<strong>${day(`${each.day}T12:00:00Z`)}</strong> ${each.allowed.toLocaleString('en')} allowed, ${each.denied.toLocaleString('en')} denied` : ' '}</p>
    <div class="plot" ref=${place} aria-hidden="true"></div>`;
}

/** Denied on top of allowed: bars are painted over one another, the tall ones first. */
function columns(days) {
  return [days.map((_, index) => index), days.map((each) => each.allowed + each.denied), days.map((each) => each.allowed)];
}

function options(Plot, place, days, onPointed) {
  const color = (name) => getComputedStyle(place).getPropertyValue(name).trim();
  const bars = Plot.paths.bars({ size: [0.72, 26], radius: 0.25 });
  const axis = { stroke: color('--ink-3'), font: '12px "Inter", system-ui', ticks: { show: false }, grid: { stroke: color('--line'), width: 1 } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (_, __, top) => [0, Math.max(4, top * 1.08)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 60, size: 28, incrs: [1, 2, 5, 10, 15, 30], values: (_, at) => at.map((index) => (days[index] ? day(`${days[index].day}T12:00:00Z`) : '')) },
      { ...axis, size: 44, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7],
        values: (_, at) => at.map((count) => new Intl.NumberFormat('en', { notation: 'compact' }).format(count)) },
    ],
    series: [{}, { fill: color('--red-bar'), paths: bars, points: { show: false } }, { fill: color('--accent-bar'), paths: bars, points: { show: false } }],
    hooks: { setCursor: [(chart) => onPointed(chart.cursor.idx ?? null)] },
  };
}
