"""Colours, names at the ends of lines, ticks, titles and the order of names."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from effjax.report.style import (
    COLOURS,
    GREY,
    MOST,
    fit_title,
    label_ends,
    line_colours,
    log_scale,
    natural_key,
    shorten_middle,
)


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_no_colour_is_lost_on_white_paper():
    for colour in COLOURS:
        assert 1.05 / (luminance(colour) + 0.05) > 2  # WCAG's contrast; yellow has 1.07


def test_beyond_seven_lines_the_front_has_colours_and_the_rest_is_grey():
    assert line_colours(2) == list(COLOURS[:2])
    colours = line_colours(MOST + 2, front=[8, 0, 1, 2, 3, 4, 5, 6, 7])
    assert colours[8] == COLOURS[0]
    assert colours[7] == GREY
    assert colours.count(GREY) == 2


def test_names_at_the_ends_do_not_overlap():
    axes = Figure(figsize=(4, 3)).subplots()
    axes.set_ylim(0, 1)
    label_ends(axes, [(0.5, "a", COLOURS[0]), (0.5, "b", GREY), (1.0, "c", COLOURS[1])])
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert min(np.diff(heights)) > 0.03
    assert heights[-1] <= 1.0 + 1e-9


@pytest.mark.parametrize("values", [[0.8, 1.6, 2.4], [0.01, 0.3], [1.0, 40.0]])
def test_a_logarithmic_axis_has_plain_numbers(values):
    figure = Figure()
    axes = figure.subplots()
    axes.plot(values)
    log_scale(axes, values)
    figure.canvas.draw()
    labels = [text.get_text() for text in axes.get_yticklabels(which="both")]
    shown = [label for label in labels if label]
    assert len(shown) >= 2
    assert all(float(label) > 0 for label in shown)


def test_titles_fit_and_long_names_keep_both_ends():
    title = fit_title("a title of very many words that no small picture holds in a line", 3)
    assert max(map(len, title.split("\n"))) <= 39
    assert shorten_middle("holiday_2019_beach_0003.jpg", 12) == "holid…03.jpg"
    assert shorten_middle("short", 12) == "short"


def test_numbers_are_sorted_as_numbers():
    names = ["IMG_10.jpg", "IMG_2.jpg", "IMG_1.jpg", "a/IMG_3.jpg", "12.jpg", "x"]
    ordered = ["12.jpg", "IMG_1.jpg", "IMG_2.jpg", "IMG_10.jpg", "a/IMG_3.jpg", "x"]
    assert sorted(names, key=natural_key) == ordered
