"""Pages out of templates: one file each, which loads nothing, runs nothing and trusts no text it shows."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path

from proxy.evaluation import wording

# base.html, that pages extend, and their stylesheet.
TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *folders: Path, **values: object) -> str:
    """Return the page that a template makes of values; it may extend `base.html`.

    It is looked for in the folders first, then among our own. Values are escaped, whatever they hold, except
    for markupsafe's `Markup`. The page's policy allows its own stylesheet alone, by its digest: no script, no
    style attribute and nothing from elsewhere, should any text ever get through.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - of the [eval] extra
    from markupsafe import Markup  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (wording.points, wording.interval, wording.duration, wording.percentiles, wording.share):
        environment.filters[write.__name__] = write
    environment.filters |= {"chance": wording.chance, "excerpt": wording.excerpt}
    stylesheet = (TEMPLATES / "style.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(stylesheet.encode()).digest()).decode()
    return environment.get_template(template).render(
        stylesheet=Markup(stylesheet),  # noqa: S704 - our own file
        stylesheet_digest=f"sha256-{digest}",
        **values,
    )
