"""A report as one HTML file that needs nothing else, and the same as Markdown.

    page = Page("Optimizers", "what this is")
    page.section("Scores", "what they mean")
    page.table(header, rows)
    page.figures([svg, svg])
    path.write_text(page.html())

Readable from 390 pixels on: tables scroll by themselves, figures stand under one another.
"""

import html
import re
from collections.abc import Mapping, Sequence

from effjax.errors import printable, printable_lines
from effjax.report.plots import Style
from effjax.report.style import GREY

CSS = """
:root { --line: #d9dde3; --soft: #f5f6f8; --ink: #1c2430; --dim: #5d6775; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 0 auto; padding: 1rem;
       max-width: 1240px; background: white; }
h1 { font-size: 1.5rem; margin: .4rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .3rem;
     border-top: 1px solid var(--line); padding-top: 1rem; }
p { margin: .4rem 0; max-width: 115ch; } .dim { color: var(--dim); font-size: .88rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
/* a shadow at the edge behind which a table goes on; it leaves when its end is reached */
.scroll { background: linear-gradient(to right, white 30%, #fff0) 0 0,
          linear-gradient(to left, white 30%, #fff0) 100% 0,
          linear-gradient(to right, #1c243055, #1c243000) 0 0,
          linear-gradient(to left, #1c243055, #1c243000) 100% 0;
          background-repeat: no-repeat; background-size: 4rem 100%, 4rem 100%, 1rem 100%, 1rem 100%;
          background-attachment: local, local, scroll, scroll; }
table { border-collapse: separate; border-spacing: 0; font-size: .86rem; width: 100%;
        font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.hint { display: none; color: var(--dim); font-size: .78rem; margin: 0; }
@media (max-width: 700px) { .wide + .hint { display: block; } }
td.left, th.left { text-align: left; } td.wrap { white-space: normal; min-width: 16rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr));
           gap: .8rem; margin: .6rem 0; }
.figures svg { width: 100%; height: auto; max-width: 640px; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0; font-size: .88rem; }
.legend i { display: inline-block; width: 1.3rem; height: .3rem; border-radius: 2px;
            margin-right: .35rem; vertical-align: middle; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; font-size: .78rem; }
summary { cursor: pointer; color: var(--dim); font-size: .88rem; margin: .6rem 0; }
@media print { .hint { display: none !important; } .scroll { background: none; } }
@media print { html { font-size: 11px; } body { max-width: none; font-size: 1rem; }
  h2 { break-after: avoid; }
  .figures { grid-template-columns: 1fr 1fr; } svg, tr { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 9px; }
  th, td { white-space: normal; padding: .15rem .3rem; } td.wrap { min-width: 0; } }
"""


FITS = 3  # columns that a telephone shows


class Page:
    """Collects the parts of a report in order."""

    def __init__(self, title: str, lead: str):
        self._title = title
        self._html = [f"<h1>{_text(title)}</h1>", f"<p>{_text(lead)}</p>"]
        self._markdown = [f"# {title}", lead]

    def section(self, title: str, text: str = "", figures_only: bool = False) -> None:
        """A heading, and what the part says; one of figures only is left out of the Markdown."""
        self._html.append(f"<h2>{_text(title)}</h2>")
        if text:
            self._html.append(f"<p class=dim>{_text(text)}</p>")
        if not figures_only:
            self._markdown += [f"## {title}", *([text] if text else [])]

    def paragraph(self, text: str) -> None:
        """Plain text."""
        self._html.append(f"<p class=dim>{_text(text)}</p>")
        self._markdown.append(text)

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()
    ) -> None:
        """A table; the first column and those in `left` are flush left, long text wraps."""

        def cell(tag: str, column: int, text: str) -> str:
            kinds = ["left"] * (column in left) + ["wrap"] * (len(text) > 60)
            named = f' class="{" ".join(kinds)}"' if kinds else ""
            return f"<{tag}{named}>{_text(text)}</{tag}>"

        lines = [("th", header), *(("td", row) for row in rows)]
        body = "".join(
            f"<tr>{''.join(cell(tag, i, text) for i, text in enumerate(line))}</tr>\n"
            for tag, line in lines
        )
        is_wide = len(header) > FITS
        kinds = "scroll wide" if is_wide else "scroll"
        self._html.append(f'<div class="{kinds}"><table>\n{body}</table></div>')
        self._html.append('<p class="hint">&#8596; the table goes on: scroll it sideways</p>')
        rule = [":--" if i == 0 or i in left else "--:" for i in range(len(header))]
        cells = [header, rule, *rows]
        lines = [f"| {' | '.join(map(_markdown_cell, row))} |" for row in cells]
        self._markdown.append("\n".join(lines))

    def details(self, summary: str, text: str) -> None:
        """Long text as it is, folded away until it is asked for; left out of the Markdown."""
        self._html.append(
            f"<details><summary>{_text(summary)}</summary><pre>{_text(text)}</pre></details>"
        )

    def legend(self, styles: Mapping[str, Style]) -> None:
        """Which colour is whose; those that are grey share one entry."""
        marks = []
        behind = []
        for name, style in styles.items():
            if style.in_front:
                marks.append(_mark(style.colour, name))
            else:
                behind.append(name)
        if behind:
            marks.append(_mark(GREY, ", ".join(behind)))
        self._html.append(f'<div class="legend">{"".join(marks)}</div>')

    def figures(self, svgs: Sequence[str]) -> None:
        """Pictures side by side where there is room; left out of the Markdown."""
        numbered = (_own_ids(svg, f"f{len(self._html)}x{i}") for i, svg in enumerate(svgs))
        self._html.append(
            f'<div class="figures">{"".join(f"<div>{s}</div>" for s in numbered)}</div>'
        )

    def picture(self, title: str, file: str) -> None:
        """A picture that lies beside the Markdown; the HTML has its own (`figures`)."""
        self._markdown.append(f"![{title}]({file})")

    def html(self) -> str:
        """The whole file."""
        body = "\n".join(self._html)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{_text(self._title)}</title>\n<style>{CSS}</style></head>\n"
            f"<body>\n{body}\n</body></html>\n"
        )

    def markdown(self) -> str:
        """The same without pictures."""
        return "\n\n".join(self._markdown) + "\n"


def _mark(colour: str, name: str) -> str:
    """An entry of a legend."""
    return f'<span><i style="background:{colour}"></i>{_text(name)}</span>'


def _text(text: str) -> str:
    return html.escape(printable_lines(text), quote=False)


def _markdown_cell(text: str) -> str:
    """One line without the character that parts columns, and without HTML."""
    return html.escape(printable(text), quote=False).replace("|", "/")


def _own_ids(svg: str, prefix: str) -> str:
    """Names inside an SVG made its own: on one page they must not meet those of another."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
