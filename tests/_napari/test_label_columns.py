"""The column of labels, however it comes about: pasted, of another type, untidy or gone; and undo of all that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS
from pictures import colours

SHAPE = (100, 150)
A, B, C = (37, 120), (80, 20), (5, 70)


@pytest.fixture
def roots(bench):
    """A bench with an image, and a point of the class root at A and at B."""
    image = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.book = bench.controller.prompts.labels.book
    bench.book.add("root")
    bench.point(image, A)
    bench.point(image, B)
    bench.image = image
    return bench


def labels(bench) -> list[str]:
    """Labels in the layer, which are those of the session."""
    found = list(bench.prompts.features["label"])
    assert [prompt.label for prompt in bench.session.prompts] == found
    return found


def symbols(bench) -> list[str]:
    return [str(symbol) for symbol in bench.prompts.symbol]


def undo(bench) -> str:
    bench.controller.prompts.undoing.undo()
    bench.wait()
    return bench.viewer.status


def redo(bench) -> str:
    bench.controller.prompts.undoing.redo()
    bench.wait()
    return bench.viewer.status


def write(bench, features) -> None:
    bench.prompts.features = features
    bench.wait()


def test_a_pasted_point_keeps_its_label_and_the_next_has_the_chosen_one(roots):
    roots.book.choose("negative")
    roots.prompts.selected_data = {0}
    roots.prompts._copy_data()
    roots.prompts._paste_data()
    roots.wait()
    assert labels(roots) == ["root", "root", "root"]
    assert roots.book.current == "negative"
    roots.point(roots.image, C)
    assert labels(roots)[3:] == ["negative"]
    assert symbols(roots)[2:] == [CLASS_LOOKS[0].symbol, LOOKS["negative"].symbol]
    undo(roots)
    undo(roots)
    assert labels(roots) == ["root", "root"]


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (pd.Categorical(["stem", "negative"]), ["stem", "negative"]),
        (pd.Categorical(["root", None]), ["root", "positive"]),
        (pd.array(["stem", None], dtype="string"), ["stem", "positive"]),
        (np.array(["stem", "negative"]), ["stem", "negative"]),
        (np.array([1, 2]), ["1", "2"]),
    ],
)
def test_a_column_of_any_type_takes_every_label(roots, column, read):
    write(roots, pd.DataFrame({"label": column}))
    assert labels(roots) == read
    roots.book.add("leaf")
    roots.point(roots.image, C)
    assert labels(roots) == [*read, "leaf"]
    roots.book.add("bud")
    roots.controller.prompts.labels.relabel("bud", [0])
    roots.wait()
    assert labels(roots) == ["bud", read[1], "leaf"]
    assert [undo(roots) for _ in range(2)] == ["Undone: 1 point relabelled", "Undone: 1 point added"]
    assert labels(roots) == read
    assert undo(roots).endswith("relabelled")
    assert labels(roots) == ["root", "root"]


@pytest.mark.filterwarnings("ignore:Applying the encoding failed")  # napari's, of the text: "{label}" is gone
@pytest.mark.parametrize(
    ("features", "read"),
    [
        ({"label": np.array([" thick   root ", "NEGATIVE"], dtype=object)}, ["thick root", "negative"]),
        ({"label": np.array(["", "root"], dtype=object)}, ["positive", "root"]),
        ({"mine": [1, 2]}, ["positive", "positive"]),
    ],
)
def test_undo_goes_past_labels_that_were_tidied(roots, features, read):
    write(roots, features)
    assert labels(roots) == read
    assert undo(roots).endswith("relabelled")
    assert labels(roots) == ["root", "root"]
    assert redo(roots).startswith("Redone: ")
    assert labels(roots) == read
    undo(roots)
    assert undo(roots) == "Undone: 1 point added"
    assert labels(roots) == ["root"]


def test_an_edit_of_which_nothing_is_left_is_no_step(roots):
    write(roots, {"label": np.array([" root", "root "], dtype=object)})
    assert labels(roots) == ["root", "root"]
    assert undo(roots) == "Undone: 1 point added"


def test_an_edit_in_place_that_nobody_told_of_is_a_step(roots):
    roots.prompts.features.loc[1, "label"] = "Negative"
    roots.controller.prompts.labels.look()
    roots.wait()
    assert labels(roots) == ["root", "negative"]
    assert undo(roots) == "Undone: 1 point relabelled"
    assert labels(roots) == ["root", "root"]


def test_to_give_points_the_label_that_they_have_is_no_step(roots):
    roots.controller.prompts.labels.relabel("root", [0, 1])
    roots.wait()
    assert undo(roots) == "Undone: 1 point added"
