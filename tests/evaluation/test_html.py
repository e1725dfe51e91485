import hashlib
import re
from base64 import b64encode

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from proxy.evaluation.html import TEMPLATES, render

PAGE = """{% extends "base.html" %}
{% block title %}{{ title }}{% endblock %}
{% block body %}{{ body }}{% endblock %}"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    return tmp_path


def test_only_the_page_s_own_stylesheet_is_allowed(folder):
    page = render("page.html", folder, title="t", body="b")
    (stylesheet,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(stylesheet.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)

    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert stylesheet == (TEMPLATES / "style.css").read_text("utf-8")


def test_values_are_escaped_but_for_markup(folder):
    page = render("page.html", folder, title="</title><script>", body=Markup("<b>bold</b>"))

    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in page
    assert "<b>bold</b>" in page


def test_a_value_that_is_missing_is_not_left_blank(folder):
    with pytest.raises(UndefinedError):
        render("page.html", folder, title="t")


def test_the_stylesheet_loads_nothing():
    stylesheet = (TEMPLATES / "style.css").read_text("utf-8")

    assert "url(" not in stylesheet
    assert "@import" not in stylesheet


def luminance(colour):
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_is_written_stands_out(scheme):
    """4.5 is what WCAG 2.2 AA asks of text."""
    stylesheet = (TEMPLATES / "style.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", one))
        for one in re.findall(r":root \{(.*?)\}", stylesheet, re.DOTALL)[:2]
    )
    colours = light if scheme == "light" else dark
    texts = {"ink", "muted", "accent", "gain", "loss", "open", "store"} | {
        name for name in colours if name.startswith("arm-")
    }
    pairs = [(text, below) for text in texts for below in ("paper", "card")]
    pairs += [
        ("gain", "good-tint"),
        ("open", "open-tint"),
        ("loss", "bad-tint"),
        ("muted", "good-tint"),
        ("accent", "good-tint"),
    ]

    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}

    assert set(light) == set(dark)
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
