"""Bar charts as SVG, legible on light and dark pages.

Written by hand: a chart of a few bars needs no library, and its text stays text. The colours follow
the reader's scheme; the card behind them is opaque, so it is legible where the page's own differs.
"""

from dataclasses import dataclass
from html import escape

_WIDTH = 760
_LABEL = 250
_ROOM = 96  # right of the longest bar, for its figure
_ROW = 30
_TOP = 70
_STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 16px }
  .small { font-size: 12px; fill: #59636e }
  .card { fill: #fff; stroke: #d1d9e0 }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  .mark { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .card { fill: #0d1117; stroke: #3d444d }
    .bar { fill: #656c76 }
    .ours { fill: #4493f8 }
    .spread { stroke: #f0f6fc }
    .mark { stroke: #9198a1 }
  }"""


@dataclass(frozen=True)
class Bar:
    """One bar; `low` and `high` are the middle half of its measurements."""

    label: str
    value: float
    figure: str
    ours: bool = False
    low: float | None = None
    high: float | None = None


def chart(title: str, note: str, bars: list[Bar], *, longest: float = 0, mark: float = 0) -> str:
    """Return an SVG of horizontal bars from zero.

    Args:
        title: what is shown.
        note: the unit, and which way is better.
        bars: from top to bottom.
        longest: where the scale ends; a bar beyond it is drawn torn. 0: at the longest bar.
        mark: where a dashed line stands; 0: nowhere.
    """
    longest = longest or max(bar.value for bar in bars)
    scale = (_WIDTH - _LABEL - _ROOM) / longest
    height = _TOP + _ROW * len(bars) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape('; '.join(f'{bar.label}: {bar.figure}' for bar in bars))}</desc>",
        f"<style>{_STYLE}\n</style>",
        f'<rect class="card" x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="20" y="30">{escape(title)}</text>',
        f'<text class="small" x="20" y="50">{escape(note)}</text>',
    ]
    if mark:
        x = round(_LABEL + mark * scale, 1)
        line = f'y1="{_TOP - 8}" y2="{height - 14}"'
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" {line}/>')
    for row, bar in enumerate(bars):
        parts += _bar(bar, _TOP + row * _ROW, scale, longest)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, top: float, scale: float, longest: float) -> list[str]:
    torn = bar.value > longest
    width = round(min(bar.value, longest) * scale, 1)
    middle = top + _ROW / 2 - 3
    end = _LABEL + width
    place = f'x="{_LABEL}" y="{top}" width="{max(width, 1)}"'
    parts = [
        f'<text x="{_LABEL - 12}" y="{middle + 5}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{"ours" if bar.ours else "bar"}" {place} rx="2" height="{_ROW - 8}"/>',
    ]
    if torn:
        parts.append(
            f'<path class="card" stroke="none" d="M{end - 26} {top - 1}l8 0l-6 {_ROW - 6}l-8 0z"/>'
        )
    elif bar.low is not None and bar.high is not None:
        end = max(end, _LABEL + bar.high * scale)
        low, high = (round(_LABEL + at * scale, 1) for at in (bar.low, bar.high))
        parts.append(f'<line class="spread" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
    parts.append(f'<text x="{round(end + 8, 1)}" y="{middle + 5}">{escape(bar.figure)}</text>')
    return parts
