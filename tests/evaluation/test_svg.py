import re

from proxy.evaluation.html import TEMPLATES
from proxy.evaluation.svg import arm_colour, drawn, ink
from tests.fakes.parsed_html import ParsedHtml


def some(figure):
    axes = figure.add_subplot()
    axes.plot([1, 2], [3, 4], "o", color=ink("gain"), clip_on=True)
    axes.set_title('style="fill: #000001" id="x" <b>$y^2$')


def test_colours_are_the_stylesheet_s_and_no_style_is_left():
    svg = drawn("some", "a point", 200, some)
    known = set(re.findall(r"(--[a-z0-9-]+):", (TEMPLATES / "style.css").read_text("utf-8")))
    tags = ParsedHtml(svg).tags

    assert 'fill="var(--gain)"' in svg
    assert set(re.findall(r"var\((--[^)]+)\)", svg)) <= known
    assert not [name for name, attributes in tags if name == "style" or "style" in attributes]
    assert not re.search(r'"#[0-9a-f]{6}"', svg)


def test_texts_stay_texts_and_are_no_markup():
    svg = drawn("some", "a point", 200, some)

    assert 'style="fill: #000001" id="x" <b>$y^2$' in ParsedHtml(svg).texts


def test_a_drawing_is_described_and_as_wide_as_its_place():
    ((name, attributes), *_) = ParsedHtml(drawn("some", 'a "point" & <more>', 200, some)).tags

    assert name == "svg"
    assert attributes == {
        "class": "plot",
        "role": "img",
        "aria-label": 'a "point" & <more>',
        "viewbox": "0 0 460 200",
    }


def test_equal_drawings_are_equal_and_the_ids_of_two_differ():
    ids = [
        {those["id"] for _, those in ParsedHtml(drawn(name, "", 200, some)).tags if "id" in those}
        for name in ("one", "two")
    ]

    assert drawn("one", "", 200, some) == drawn("one", "", 200, some)
    assert ids[0]
    assert not ids[0] & ids[1]


def test_letters_that_no_font_has_are_left_to_the_browser():
    svg = drawn("some", "", 200, lambda figure: figure.text(0, 0, "中文 \N{PILE OF POO}"))

    assert "中文 \N{PILE OF POO}" in svg


def test_the_store_is_grey_and_policies_take_turns():
    assert arm_colour(0) == "store"
    assert len({arm_colour(place) for place in range(1, 7)}) == 6
    assert arm_colour(7) == arm_colour(1)
