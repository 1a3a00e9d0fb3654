"""Tables of numbers, read back from the Axes they were drawn on."""

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
from matplotlib.patches import Rectangle

from minillama import plots

VALUES = torch.tensor([[0.1, 0.5, -0.001], [0.25, 0.0, 1.0]])


def table(values=VALUES, *names, axes=("layer", "head"), **options):
    return plots.number_table(values, *names, axes=axes, **options)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_each_cell_has_its_number_and_word():
    assert texts(table()) == ["0.10", "0.50", "0.00", "0.25", "0.00", "1.00"]
    ax = table(words=[["a", "", "b"], ["", "", "c"]], title="t")
    assert texts(ax) == ["a\n0.10", "0.50", "b\n0.00", "0.25", "0.00", "c\n1.00"]
    assert [text.get_position() for text in ax.texts] == [
        (x, y) for y in range(2) for x in range(3)
    ]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("head", "layer", "t")


def test_a_cell_without_a_number_stays_empty():
    ax = table(torch.tensor([[0.5, torch.nan], [torch.nan, 2.0]]), words=[["a", "b"], ["c", "龘"]])
    assert [text.get_position() for text in ax.texts] == [(0, 0), (1, 1)]
    assert texts(ax)[0] == "a\n0.50"
    assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (0.5, 2.0)


def test_rows_and_columns_have_names_or_are_counted():
    for names, rows, columns in [((), "01", "012"), (([4, 7], ["a", "b", "c"]), "47", "abc")]:
        ax = table(VALUES, *names)
        assert [label.get_text() for label in ax.get_yticklabels()] == [*rows]
        assert [label.get_text() for label in ax.get_xticklabels()] == [*columns]


def test_the_shades_run_from_the_smallest_to_the_largest_or_as_it_is_said():
    [image] = table(np.array([[0.1, 0.5]])).get_images()
    assert image.get_clim() == (0.1, 0.5)
    [image] = table(np.array([[0.1, 0.5]]), limits=(0, None)).get_images()
    assert image.get_clim() == (0, 0.5)
    ax = table(np.array([[-0.1, 0.5, 3.0]]), limits=(0, 2), label="nats")
    assert ax.get_images()[0].get_clim() == (0, 2)
    assert texts(ax) == ["-0.10", "0.50", "3.00"]
    assert ax.figure.axes[-1].get_ylabel() == "nats"
    table(np.zeros((1, 2)))  # nothing to be darker for


def test_what_is_marked_has_a_frame():
    ax = table(marked=VALUES > 0.3)
    frames = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert [(round(p.get_x() + 0.46), round(p.get_y() + 0.44)) for p in frames] == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": [1, 2, 3]}, "3 × 3 names, but 2 × 3 numbers"),
        ({"words": [["a"] * 3]}, "words must be 2 rows of 3"),
        ({"marked": np.ones((3, 2), bool)}, "marks must be 2 rows of 3"),
    ],
)
def test_what_does_not_fit_the_numbers_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        table(**options)
