"""Drawings that take their colours from the page they stand in: matplotlib's SVG, made fit for HTML.

matplotlib writes colours and fonts into every element. Here it is given stand-ins for colours, which become
custom properties of the stylesheet, so that a plot follows the page into dark mode; texts stay texts, in the
page's font; and styles become attributes, so that the page can forbid all but its own stylesheet.
"""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

# Names of custom properties in templates/style.css, by the colour that stands in for them.
_INKS = ("ink", "muted", "rule", "paper", "gain", "loss", "store", "accent")
_ARMS = 6
_STAND_INS = {
    f"#0000{number:02x}": name
    for number, name in enumerate((*_INKS, *(f"arm-{number}" for number in range(_ARMS))), 1)
}
_COLOURS = {name: colour for colour, name in _STAND_INS.items()}
# Points; a plot is shown at about its own size on a phone, and larger elsewhere.
_WIDTH = 460
_TAG = re.compile(r"<[^>]+>")


def ink(name: str) -> str:
    """Return the colour that stands in for one of the stylesheet's."""
    return _COLOURS[name]


def arm_colour(place: int) -> str:
    """Return the name of an arm's colour: grey for the store alone, at place 0, then one for each policy."""
    return f"arm-{(place - 1) % _ARMS}" if place else "store"


def drawn(name: str, description: str, height: int, draw: Callable[[Figure], None]) -> str:
    """Return an `<svg>` to stand in HTML, `height` points high; equal drawings give equal text.

    `name` keeps the ids of several drawings of a page apart; `description` is for those who can't see it.
    """
    import matplotlib as mpl  # noqa: PLC0415 - of the [eval] extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**_LOOK, "svg.hashsalt": name}), warnings.catch_warnings(), io.StringIO() as file:
        # A name's letters that matplotlib has no font for are drawn by the browser, which does.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure((_WIDTH / 72, height / 72), dpi=72)
        draw(figure)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        return _fit(file.getvalue(), description)


def _fit(svg: str, description: str) -> str:
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r">\s+<", "><", _TAG.sub(lambda tag: _tag(tag[0]), body)).strip()
    return re.sub(
        r'^<svg [^>]*?(viewBox="[^"]*")[^>]*>',
        rf'<svg class="plot" role="img" aria-label="{escape(description)}" \1>',
        body,
    )


def _tag(tag: str) -> str:
    """Return a tag without styles, with the page's colours, and with an id only if it is referred to."""
    tag = re.sub(r'style="([^"]*)"', lambda style: _attributes(style[1]), tag)
    tag = re.sub(r"#0000[0-9a-f]{2}\b", lambda colour: f"var(--{_STAND_INS[colour[0]]})", tag)
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    return re.sub(r"\s+", " ", tag.replace("xlink:href", "href"))


def _attributes(style: str) -> str:
    declarations = (one.split(":", 1) for one in style.split(";") if one.strip())
    return " ".join(
        f'{key.strip()}="{value.strip()}"' for key, value in declarations if key.strip() != "font-family"
    )


_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 11,
    "text.color": ink("ink"),
    "text.parse_math": False,
    "axes.edgecolor": ink("rule"),
    "axes.labelcolor": ink("muted"),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": ink("rule"),
    "grid.linewidth": 0.7,
    "xtick.color": ink("rule"),
    "ytick.color": ink("rule"),
    "xtick.labelcolor": ink("muted"),
    "ytick.labelcolor": ink("muted"),
    "ytick.left": False,
    "lines.solid_capstyle": "butt",
}
