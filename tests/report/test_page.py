"""The page: one file, the same words in HTML and Markdown."""

import re

from effjax.report.page import Page
from effjax.report.plots import Band, make_styles, plot_bands, plot_heat, plot_intervals


def test_page():
    styles = make_styles(["a", "b"])
    band = Band([1, 2, 3], [1.0, None, 0.1], [0.9, None, 0.05], [1.1, None, 0.2])
    picture = plot_bands({"a": band}, styles, title="curve <1>", level=0.5, log_y=True)
    page = Page("Title & more", "lead")
    page.section("Part", "words")
    page.table(["name", "value"], [["a", "1 | 2"], ["<b>", "x" * 80]])
    page.legend(styles)
    page.figures([picture, picture])
    text = page.html()
    assert "Title &amp; more" in text
    assert "&lt;b&gt;" in text
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))  # two pictures do not share names
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    assert {a or b for a, b in used} <= set(identifiers)
    assert "| a | 1 / 2 |" in page.markdown()


def test_pictures_are_the_same_each_time():
    styles = make_styles(["a"])
    bands = {"a": Band([1, 2], [3.0, 4.0])}
    assert plot_bands(bands, styles) == plot_bands(bands, styles)
    heat = plot_heat([[1.0, float("nan")], [2.0, 3.0]], ["r", "s"], ["c", "d"])
    assert ">x</text>" in heat
    assert "a" in plot_intervals([("a", 1.0, 0.5, 2.0)], styles, level=1.0, log_x=True)


def test_names_without_a_colour_share_an_entry_of_the_legend():
    page = Page("Title", "lead")
    page.legend(make_styles([f"n{i}" for i in range(9)]))
    text = page.html()
    assert text.count("<span><i") == 8
    assert "</i>n7, n8</span>" in text


def test_a_wide_table_says_on_a_telephone_that_it_goes_on():
    page = Page("Title", "lead")
    page.table(["a", "b"], [["1", "2"]])
    page.table(["a", "b", "c", "d"], [["1", "2", "3", "4"]])
    text = page.html()
    assert text.count('class="scroll wide"') == 1
    assert ".wide + .hint" in text
