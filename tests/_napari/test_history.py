"""The history of a Points layer: what is a step, that undo restores everything, and that nothing drifts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Points

from napari_dinosim._napari.history import DEPTH, History
from napari_dinosim._napari.point_state import PointsState
from napari_dinosim._napari.reading import Owner

COLOURS = {"positive": "red", "negative": "blue", "root": "lime"}
SYMBOLS = {"positive": "cross", "negative": "disc", "root": "star"}


def labelled(places=((1, 2), (3, 4)), labels=("positive", "negative")) -> Points:
    return Points(
        np.array(places, dtype=float).reshape(-1, 2),
        features={"label": np.array(labels, dtype=object)},
        symbol=[SYMBOLS[label] for label in labels] or "cross",
        face_color=[COLOURS[label] for label in labels] or "red",
        size=5,
    )


def looks(layer: Points) -> tuple:
    return (
        layer.data.tolist(),
        layer.features["label"].tolist(),
        [str(symbol) for symbol in layer.symbol],
        np.round(layer.face_color, 3).tolist(),
        layer.size.tolist(),
        layer.shown.tolist(),
    )


def relabel(layer: Points, index: int, label: str) -> None:
    """As a key of the widget does it: the feature first, then what it looks like."""
    labels = layer.features["label"].tolist()
    labels[index] = label
    layer.features = {"label": np.array(labels, dtype=object)}
    layer.symbol = [SYMBOLS[one] for one in labels]
    layer.face_color = [COLOURS[one] for one in labels]


def paste(layer: Points, index: int) -> None:
    layer.selected_data = {index}
    layer._copy_data()
    layer._paste_data()


STEPS = {
    "1 point added": lambda layer: layer.add((7.5, 8)),
    "2 points added": lambda layer: layer.add([(7.5, 8), (9, 1)]),
    "1 point deleted": lambda layer: layer.remove([0]),
    "2 points deleted": lambda layer: layer.remove([0, 1]),
    "1 point moved": lambda layer: setattr(layer, "data", [(1, 2), (3, 5)]),
    "2 points moved": lambda layer: setattr(layer, "data", layer.data + 1),
    "1 point relabelled": lambda layer: relabel(layer, 1, "root"),
    "2 points replaced by 3": lambda layer: setattr(layer, "data", [(0, 0), (5, 5), (6, 6)]),
    "2 points replaced by 1": lambda layer: setattr(layer, "data", [(0, 0)]),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_undone_and_done_again(step):
    layer = labelled()
    history, before = History(layer, PointsState), looks(layer)
    STEPS[step](layer)
    history.record()
    after = looks(layer)
    assert after != before
    assert (history.undoable, history.redoable) == (step, "")
    assert history.undo() == step
    assert looks(layer) == before
    assert (history.undoable, history.redoable) == ("", step)
    assert history.redo() == step
    assert looks(layer) == after
    assert (history.undoable, history.redoable) == (step, "")


def test_a_paste_is_a_step_with_all_its_looks():
    layer = labelled()
    history = History(layer, PointsState)
    paste(layer, 1)
    history.record()
    pasted = looks(layer)
    assert history.undo() == "1 point added"
    history.redo()
    assert looks(layer) == pasted
    assert pasted[1:3] == (["positive", "negative", "negative"], ["cross", "disc", "disc"])


def test_nothing_happens_where_there_is_nothing_to_undo_or_redo():
    layer = labelled()
    history, before = History(layer, PointsState), looks(layer)
    assert history.undo() == history.redo() == ""
    assert looks(layer) == before


def test_a_new_step_drops_what_was_undone():
    layer = labelled()
    history = History(layer, PointsState)
    layer.add((7, 8))
    history.record()
    history.undo()
    layer.add((9, 9))
    history.record()
    assert history.redo() == ""
    assert layer.data.tolist() == [[1, 2], [3, 4], [9, 9]]


def test_what_nobody_told_of_is_a_step_of_its_own():
    layer = labelled()
    history = History(layer, PointsState)
    layer.data[0, 1] = 70
    assert history.undo() == "1 point moved"
    assert layer.data.tolist() == [[1, 2], [3, 4]]


def test_looks_alone_are_no_step_and_come_back_with_their_points():
    layer = labelled()
    history = History(layer, PointsState)
    layer.size, layer.shown = [3, 9], [True, False]
    history.record()
    assert history.undoable == ""
    layer.remove([1])
    history.record()
    history.undo()
    assert (layer.size.tolist(), layer.shown.tolist()) == ([3, 9], [True, False])
    assert history.undoable == ""


def test_a_column_of_features_for_no_points_is_no_step():
    layer = Points(np.empty((0, 2)))
    history = History(layer, PointsState)
    layer.features = {"label": np.empty(0, dtype=object)}
    history.record()
    assert history.undoable == ""


def test_a_column_that_comes_later_goes_again():
    layer = Points([(1, 2), (3, 4)])
    history = History(layer, PointsState)
    layer.features = pd.DataFrame({"label": ["a", "b"]})
    history.record()
    assert history.undo() == "2 points relabelled"
    assert list(layer.features) == []
    history.redo()
    assert layer.features["label"].tolist() == ["a", "b"]


def test_the_label_that_is_chosen_for_the_next_point_stays():
    layer = labelled()
    history = History(layer, PointsState)
    layer.add((7, 8))
    history.record()
    layer.selected_data = set()
    layer.feature_defaults, layer.current_symbol, layer.current_size = {"label": "root"}, "star", 7
    layer.current_face_color = "lime"
    history.undo()
    layer.add((5, 5))
    assert layer.features["label"].tolist() == ["positive", "negative", "root"]
    assert (str(layer.symbol[-1]), layer.size[-1]) == ("star", 7)
    np.testing.assert_allclose(layer.face_color[-1], (0, 1, 0, 1))


def test_colours_that_follow_from_the_features_go_on_doing_so():
    features = {"label": np.array(["a", "b"], dtype=object)}
    layer = Points([(1, 2), (3, 4)], features=features, face_color="label", face_color_cycle=["red", "blue"])
    history, before = History(layer, PointsState), layer.face_color.copy()
    layer.features = {"label": np.array(["b", "b"], dtype=object)}
    history.record()
    history.undo()
    np.testing.assert_array_equal(layer.face_color, before)
    assert layer.face_color_mode == "cycle"


def test_delete_finds_no_selected_point_that_is_gone():
    layer = labelled()
    history = History(layer, PointsState)
    layer.add([(7, 8), (9, 9)])  # and they are selected
    history.record()
    history.undo()
    layer.remove_selected()
    assert len(layer.data) == 2


def test_depth_is_bounded():
    layer = labelled()
    history = History(layer, PointsState)
    for index in range(DEPTH + 5):
        layer.add((index, 0))
        history.record()
    undone = 0
    while history.undo():
        undone += 1
    assert undone == DEPTH
    assert len(layer.data) == 2 + 5
    while history.redo():
        undone -= 1
    assert undone == 0
    assert len(layer.data) == 2 + DEPTH + 5


def test_owners_belong_to_a_moment():
    layer = labelled()
    history = History(layer, PointsState)
    first, second = (point.tobytes() for point in layer.data)
    a, b = Owner("a", ()), Owner("b", (3,))
    history.keep_owners({first: a, second: b})
    layer.data[0] = (50, 60)
    moving = layer.data[0].tobytes()
    history.keep_owners({moving: b, second: b})  # read while it is dragged
    history.record()
    assert history.owners == {second: b}
    history.keep_owners({moving: b, second: b})
    history.undo()
    assert history.owners == {first: a, second: b}
    history.change_owners(lambda owner: owner._replace(key=owner.key.upper()))
    history.redo()
    assert history.owners == {moving: Owner("B", (3,)), second: Owner("B", (3,))}
    history.undo()
    assert history.owners == {first: Owner("A", ()), second: Owner("B", (3,))}


# ---- any sequence, against a plain list ------------------------------------------------------------------------------

PLACES = st.tuples(st.integers(0, 9), st.integers(0, 9))
INDEX = st.integers(0, 99)
ACTIONS = st.one_of(
    st.tuples(st.just("add"), PLACES),
    st.tuples(st.just("move"), INDEX, PLACES),
    st.tuples(st.just("delete"), INDEX),
    st.tuples(st.just("paste"), INDEX),
    st.tuples(st.just("relabel"), INDEX, st.sampled_from(sorted(COLOURS))),
    st.just(("clear",)),
    st.just(("undo",)),
    st.just(("undo",)),
    st.just(("redo",)),
)


def act(layer: Points, points: list, action: tuple) -> list:
    """Do something to a layer; return what a list of (place, label) becomes by it."""
    name, *rest = action
    if name == "add":
        label = layer.feature_defaults["label"][0]
        layer.add(rest[0])
        return [*points, (rest[0], label)]
    if name == "clear":
        layer.data = np.empty((0, 2))
        return []
    if not points:
        return points
    index = rest[0] % len(points)
    place, label = points[index]
    if name == "move":
        layer.data[index] = rest[1]
        layer.refresh()
        return [*points[:index], (rest[1], label), *points[index + 1 :]]
    if name == "delete":
        layer.remove([index])
        return points[:index] + points[index + 1 :]
    if name == "paste":
        paste(layer, index)
        return [*points, (place, label)]
    relabel(layer, index, rest[1])
    return [*points[:index], (place, rest[1]), *points[index + 1 :]]


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_any_sequence_is_as_a_plain_list_has_it(actions):
    layer = labelled()
    history = History(layer, PointsState)
    past, present, future = [], [((1, 2), "positive"), ((3, 4), "negative")], []
    for action in actions:
        if action == ("undo",):
            history.undo()
            if past:
                future.append(present)
                present = past.pop()
        elif action == ("redo",):
            history.redo()
            if future:
                past.append(present)
                present = future.pop()
        else:
            after = act(layer, present, action)
            history.record()
            if after != present:
                past.append(present)
                present, future = after, []
        assert [tuple(place) for place in layer.data] == [place for place, _ in present]
        assert layer.features["label"].tolist() == [label for _, label in present]
        counts = [
            len(values) for values in (layer.symbol, layer.face_color, layer.size, layer.shown, layer.border_width)
        ]
        assert counts == [len(present)] * 5
        assert bool(history.undoable) == bool(past)
        assert bool(history.redoable) == bool(future)
