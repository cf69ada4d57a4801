"""Labels: negatives lower what is like them, each class has a map, and the winner is the likest; against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from desk import Desk, patchwork
from napari_dinosim import scoring
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import EncoderMismatchError, LabelError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.prompts import NEGATIVE, POSITIVE, Prompt, PromptSet, clean_label
from napari_dinosim.ranking import PlaneScores
from napari_dinosim.similarity import Query, class_scores, combined, cosine_scores
from projected import unit

RED, GREEN, BLUE, ORANGE, GREY = (240, 10, 10), (10, 230, 20), (10, 20, 220), (240, 120, 10), (90, 90, 90)
COLOURS = (RED, GREEN, BLUE, ORANGE, GREY)
PATCH = 16


def tiles(kinds: np.ndarray) -> np.ndarray:
    """A picture whose patches have these colours, by number."""
    return np.kron(np.array(COLOURS, np.uint8)[kinds], np.ones((PATCH, PATCH, 1), np.uint8))


def place(kinds: np.ndarray, kind: int) -> tuple[float, float]:
    """A pixel of the last patch of a kind, off its centre."""
    row, col = np.argwhere(kinds == kind)[-1]
    return float(row * PATCH + 3), float(col * PATCH + 12)


def cosines_of(kinds: np.ndarray, kind: int) -> np.ndarray:
    """Cosines of all patches with a kind."""
    vectors = unit(np.array(COLOURS, float))
    return (vectors @ vectors[kind])[kinds]


@pytest.fixture
def kinds() -> dict[str, np.ndarray]:
    """Which colour each patch of four pictures has; not square, none alike."""
    rng = np.random.default_rng(3)
    return {
        name: rng.integers(0, 5, shape) for name, shape in zip("abcd", [(5, 8), (7, 4), (6, 9), (4, 6)], strict=True)
    }


@pytest.fixture
def desk(kinds):
    made = Desk()
    for name, found in kinds.items():
        made.add(name, tiles(found))
    made.start()
    yield made
    made.engine.shutdown()


def labelled(kinds, *prompts: tuple[str, int, str]) -> list[tuple]:
    """Prompts, each (picture, kind, label)."""
    return [(name, *place(kinds[name], kind), (), label) for name, kind, label in prompts]


# --- labels


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("root", "root"),
        ("  thick \t root\n", "thick root"),
        ("Positive", POSITIVE),
        (" NEGATIVE ", NEGATIVE),
        ("Root", "Root"),
    ],
)
def test_a_label_is_read_as_it_is_meant(text, label):
    assert clean_label(text) == label
    assert Prompt("a", 1, 2, label=label).label == label


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_label_is_refused(text):
    with pytest.raises(LabelError, match=r"label: found .*, expected a name such as 'nucleus'\. Give it one\."):
        clean_label(text)
    with pytest.raises(LabelError, match="expected a name"):
        Prompt("a", 1, 2, label=text)


def test_a_label_that_could_be_taken_for_another_is_refused():
    with pytest.raises(LabelError, match=r"found 'Negative', expected 'negative'\. Put it through clean_label first"):
        Prompt("a", 1, 2, label="Negative")


def prompt_set(*labels: str) -> PromptSet:
    return PromptSet(tuple(Prompt("a", 1, 2, label=label) for label in labels))


@pytest.mark.parametrize(
    ("labels", "sought", "classes"),
    [
        ((), (), ()),
        ((POSITIVE, NEGATIVE, POSITIVE), (POSITIVE,), ()),
        ((NEGATIVE, "b", "a", "b"), ("b", "a"), ("b", "a")),
        (("b", POSITIVE), ("b", POSITIVE), ("b", POSITIVE)),
        ((NEGATIVE,), (), ()),
    ],
)
def test_classes_are_named_in_the_order_of_their_first_prompts(labels, sought, classes):
    found = prompt_set(*labels)
    assert (found.sought, found.classes) == (sought, classes)
    assert bool(found.problem) == (set(labels) == {NEGATIVE})


@pytest.mark.parametrize(
    ("count", "told"), [(1, "Found 1 negative point and no other"), (3, "Found 3 negative points and")]
)
def test_negatives_alone_are_told(desk, kinds, count, told):
    desk.prompt(*labelled(kinds, *[("a", 0, NEGATIVE)] * count))
    assert len(desk.messages) == 1
    assert desk.messages[0].startswith(told)
    assert desk.messages[0].endswith("Add a positive point, or one of a class.")
    assert desk.session.shown_map("a") is None
    assert desk.session.classes == ()


# --- how cosines are combined


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_soft_mean_of_the_highest_three(count):
    cosines = np.random.default_rng(count).uniform(-1, 1, (6, 7, count))
    highest = np.sort(cosines, axis=-1)[..., ::-1][..., :3]
    weights = np.exp(highest / 0.07)
    expected = (weights * highest).sum(axis=-1) / weights.sum(axis=-1)
    found = combined(torch.from_numpy(cosines), "top").numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (found <= cosines.max(axis=-1) + 1e-9).all()
    assert (found >= highest.mean(axis=-1) - 1e-9).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("counts", [(1,), (4,), (1, 1), (5, 1, 2)])
@pytest.mark.parametrize("combine", ["max", "mean", "top"])
@pytest.mark.parametrize("negatives", [0, 1, 4])
def test_scores_of_all_classes_in_one_pass(dtype, counts, combine, negatives):
    rng = np.random.default_rng(5)
    vectors = torch.from_numpy(unit(rng.normal(size=(6, 9, 8)))).to(dtype)
    groups = [torch.from_numpy(unit(rng.normal(size=(n, 8)))).float() for n in (*counts, negatives) if n]
    against = groups.pop() if negatives else None
    found = class_scores(vectors, [Query(group, "e", combine, against) for group in groups])
    assert found.shape == (len(counts), 6, 9)
    plain = [
        np.einsum("rcd,nd->rcn", vectors.double(), group.double()) for group in (*groups, *[against] * bool(negatives))
    ]
    each = [combined(torch.from_numpy(part), combine).numpy() for part in plain]
    expected = [part - each[-1] if negatives else part for part in each[: len(counts)]]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    for score, group in zip(found, groups, strict=True):
        np.testing.assert_allclose(cosine_scores(vectors, Query(group, "e", combine, against)), score, atol=1e-6)


def test_a_query_against_others(desk, kinds):
    a, b = desk.session.embeddings("a", ()), desk.session.embeddings("b", ())
    red, green, blue = (a.query([place(kinds["a"], kind)]) for kind in (0, 1, 2))
    other = b.query([place(kinds["b"], 2)])
    found = red.against(green, other)
    expected = cosines_of(kinds["b"], 0) - np.maximum(cosines_of(kinds["b"], 1), cosines_of(kinds["b"], 2))
    np.testing.assert_allclose(b.cosine(found), expected, atol=1e-5)
    np.testing.assert_allclose(b.cosine(red.against(green).against(blue)), expected, atol=1e-5)
    at_once = a.query([place(kinds["a"], 0)], negatives=[place(kinds["a"], 1), place(kinds["a"], 2)])
    np.testing.assert_allclose(b.cosine(at_once), expected, atol=1e-5)
    joined = Query.join([red.against(green), other.against(blue), red])
    np.testing.assert_array_equal(joined.negatives, torch.cat([green.vectors, blue.vectors]))
    assert red.against() is red


def test_a_query_is_not_put_against_one_of_another_encoder():
    one, two = Query(torch.eye(2), "a@1"), Query(torch.eye(2), "b@1")
    with pytest.raises(EncoderMismatchError, match="'a@1' and 'b@1'"):
        one.against(two)


# --- negatives


def test_negatives_lower_exactly_what_is_like_them(desk, kinds):
    """Each patch loses its likeness to orange and nothing else; red stays the best, orange falls below zero."""
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE)))
    before = {name: desk.session.shown_map(name).scores.numpy().copy() for name in kinds}
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE), ("c", 3, NEGATIVE)))
    for name, found in kinds.items():
        after = desk.session.shown_map(name).scores.numpy()
        np.testing.assert_allclose(after, cosines_of(found, 0) - cosines_of(found, 3), atol=1e-5)
        np.testing.assert_allclose(before[name] - after, cosines_of(found, 3), atol=1e-5)
        order = [float(after[found == kind].mean()) for kind in range(5)]
        assert order[0] == max(order)
        assert order[3] < 0 < order[0]
    assert desk.session.classes == ()
    assert desk.session.map("a", (), POSITIVE) is desk.session.map("a", ())
    assert desk.session.map("a", (), "root") is None
    assert desk.session.winner("a", ()) is None


# --- classes


THREE = (("a", 0, "red"), ("b", 1, "green"), ("c", 2, "blue"))


def test_a_map_per_class_and_the_winner(desk, kinds):
    desk.prompt(*labelled(kinds, *THREE))
    assert desk.session.classes == ("red", "green", "blue")
    for name, found in kinds.items():
        each = np.stack([cosines_of(found, kind) for kind in range(3)])
        for label, expected in zip(desk.session.classes, each, strict=True):
            shown = desk.session.shown_map(name, label)
            np.testing.assert_allclose(shown.scores, expected, atol=1e-5)
            np.testing.assert_allclose(shown.values, (expected - expected.min()) / (np.ptp(expected) + 1e-8), atol=1e-5)
            assert shown.best == pytest.approx(expected.max(), abs=1e-5)
        np.testing.assert_allclose(desk.session.shown_map(name).scores, each.max(axis=0), atol=1e-5)
        winner = desk.session.shown_winner(name)
        planted = found < 3
        np.testing.assert_array_equal(winner[planted], found[planted])
        np.testing.assert_array_equal(winner[~planted], each.argmax(axis=0)[~planted])
        assert desk.session.state(name).best == pytest.approx(1, abs=1e-5)


def test_positive_prompts_are_a_class_among_others_and_negatives_count_against_all(desk, kinds):
    desk.prompt(*labelled(kinds, ("a", 1, "green"), ("b", 0, POSITIVE), ("c", 3, NEGATIVE)))
    assert desk.session.classes == ("green", POSITIVE)
    for label, kind in (("green", 1), (POSITIVE, 0)):
        expected = cosines_of(kinds["d"], kind) - cosines_of(kinds["d"], 3)
        np.testing.assert_allclose(desk.session.map("d", (), label).scores, expected, atol=1e-5)


def test_a_class_seen_in_three_images_is_found_in_the_fourth(desk, kinds):
    """Each prompt alone misses two of the three colours of its class."""
    desk.prompt(*labelled(kinds, ("a", 0, "warm"), ("b", 3, "warm"), ("c", 1, "warm"), ("a", 2, "cold")))
    winner, found = desk.session.winner("d", ()), kinds["d"]
    assert (winner[np.isin(found, (0, 1, 3))] == 0).all()
    assert (winner[found == 2] == 1).all()
    scores = desk.session.map("d", (), "warm").scores
    np.testing.assert_allclose(scores[np.isin(found, (0, 1, 3))], 1, atol=1e-5)


def test_of_equally_high_classes_the_first_wins(desk, kinds):
    desk.prompt(*labelled(kinds, ("a", 2, "second"), ("a", 0, "one"), ("b", 0, "other")))
    winner = desk.session.winner("d", ())
    assert (winner[kinds["d"] == 0] == 1).all()
    assert 2 not in winner


def test_a_class_whose_image_is_not_embedded_has_no_map_yet(kinds):
    desk = Desk()
    desk.add("a", tiles(kinds["a"]))
    desk.start()
    desk.session.cancel()
    desk.add("b", tiles(kinds["b"]))
    desk.prompt(*labelled(kinds, ("b", 1, "green"), ("a", 0, "red")))
    assert desk.session.classes == ("red",)
    assert (desk.session.winner("a", ()) == 0).all()
    desk.start()
    assert desk.session.classes == ("green", "red")


def test_nobody_wins_where_nothing_is_embedded(desk):
    mosaic = Mosaic(3, 4)
    mosaic.add(1, 0, torch.eye(4)[:, :3][None].expand(2, 4, 3) + 0.1)
    held = PatchEmbeddings(mosaic, PatchGrid(48, 64, 16), "e")
    found = PlaneScores.of(held, {"x": Query(torch.eye(3)[:1], "e"), "y": Query(torch.eye(3)[1:2], "e")})
    np.testing.assert_array_equal(found.winners, [[-1] * 4, [0, 1, 0, 0], [0, 1, 0, 0]])
    assert found.by_label[None][0].isnan().all()
    assert found.extremes[None][1] == pytest.approx(1.1 / np.linalg.norm([1.1, 0.1, 0.1]), rel=0.2)


def test_maps_and_winner_of_before_stay_while_a_worker_makes_new_ones(desk, kinds, monkeypatch):
    desk.prompt(*labelled(kinds, *THREE))
    first, winner = desk.session.map("d", (), "green"), desk.session.winner("d", ())
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.prompt(*labelled(kinds, ("a", 3, "red"), *THREE[1:]))
    assert desk.session.map("d", (), "green") is first
    assert desk.session.winner("d", ()) is winner
    desk.clear_notes()
    desk.wait()
    assert desk.maps == ["d"]
    assert (desk.session.winner("d", ())[kinds["d"] == 3] == 0).all()
    desk.prompt(*labelled(kinds, *THREE[::-1]))  # the numbers mean other classes now
    assert desk.session.winner("d", ()) is None
    desk.wait()
    np.testing.assert_array_equal(desk.session.winner("d", ())[kinds["d"] < 3], 2 - kinds["d"][kinds["d"] < 3])


def test_a_label_that_is_gone_has_no_map(desk, kinds):
    desk.prompt(*labelled(kinds, *THREE))
    desk.prompt(*labelled(kinds, *THREE[:2]))
    assert desk.session.map("a", (), "blue") is None
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE)))
    assert desk.session.classes == ()
    assert desk.session.map("a", (), "red") is None
    assert desk.session.winner("a", ()) is None


# --- normalisations


def everything(desk, label=None) -> np.ndarray:
    return np.concatenate([desk.session.shown_map(name, label).scores.numpy().ravel() for name in desk.session.inputs])


@pytest.mark.parametrize("at_once", [scoring.AT_ONCE, 0], ids=["at once", "by a worker"])
@pytest.mark.parametrize("label", [None, "red", "blue"])
def test_stretched_over_all_images(desk, kinds, monkeypatch, at_once, label):
    desk.add("e", tiles(np.array([[3, 4, 4], [3, 3, 4]])))  # its own range is another
    desk.wait()
    monkeypatch.setattr(scoring, "AT_ONCE", at_once)
    desk.session.set_normalisation("shared")
    desk.prompt(*labelled(kinds, *THREE))
    names = [*kinds, "e"]
    for name in names:
        desk.session.shown_map(name, label)
    desk.wait()
    scores = everything(desk, label)
    low, high = scores.min(), scores.max()
    for name in names:
        found = desk.session.shown_map(name, label)
        np.testing.assert_allclose(found.values, (found.scores - low) / (high - low + 1e-8), atol=1e-6)
        frozen = desk.session.frozen_maps(name, label)(())
        np.testing.assert_allclose(frozen.values, found.values, atol=1e-6)
    assert desk.session.shown_map("e", label).values.max() < 0.99


def test_small_images_share_their_range_from_the_first_map_on(desk, kinds):
    desk.session.set_normalisation("shared")
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE)))
    first = desk.session.shown_map("a")
    desk.wait()
    assert desk.session.shown_map("a") is first


def test_an_image_that_comes_later_counts_in_the_shared_range(desk, kinds):
    desk.session.set_normalisation("shared")
    desk.prompt(*labelled(kinds, ("a", 2, POSITIVE)))
    before = desk.session.shown_map("a").values.copy()
    desk.clear_notes()
    black = np.zeros((2, 3), int)
    desk.add("e", tiles(black) * 0 + np.array([255, 0, 0], np.uint8))
    desk.wait()
    assert set("abcde") <= set(desk.maps)
    scores = everything(desk)
    low, high = scores.min(), scores.max()
    found = desk.session.shown_map("a")
    np.testing.assert_allclose(found.values, (found.scores - low) / (high - low), atol=1e-6)
    assert not np.allclose(found.values, before)
    desk.session.remove_input("e")
    np.testing.assert_allclose(desk.session.shown_map("a").values, before, atol=1e-6)


def test_raw_cosines(desk, kinds):
    desk.session.set_normalisation("cosine")
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE), ("b", 2, NEGATIVE)))
    found = desk.session.shown_map("d")
    np.testing.assert_array_equal(found.values, found.scores)
    np.testing.assert_allclose(found.values, cosines_of(kinds["d"], 0) - cosines_of(kinds["d"], 2), atol=1e-5)
    np.testing.assert_array_equal(desk.session.frozen_maps("d")(()).values, found.values)
    desk.session.set_normalisation("plane")
    assert desk.session.shown_map("d").values.max() == pytest.approx(1)


def test_a_stack_and_a_flat_image_share_one_range():
    desk, stack, flat = Desk(), np.stack([patchwork(60, 90, seed) for seed in range(3)]), patchwork(70, 50, 9)
    desk.add("stack", stack, plane=(1,))
    desk.add("flat", flat)
    desk.start()
    desk.session.set_normalisation("shared")
    desk.prompt(("stack", 41, 77, (1,)))
    desk.session.shown_map("flat")
    desk.wait()
    scores = [desk.session.map("stack", (plane,)).scores.numpy().ravel() for plane in range(3)]
    scores.append(desk.session.map("flat", ()).scores.numpy().ravel())
    low, high = np.concatenate(scores).min(), np.concatenate(scores).max()
    for place in (("stack", (0,)), ("stack", (2,)), ("flat", ())):
        found = desk.session.map(*place)
        np.testing.assert_allclose(found.values, (found.scores - low) / (high - low + 1e-8), atol=1e-6)


def test_an_image_whose_best_is_under_the_threshold_holds_no_match(desk, kinds):
    desk.add("e", np.full((32, 48, 3), BLUE, np.uint8))
    desk.wait()
    desk.prompt(*labelled(kinds, ("a", 0, POSITIVE)))
    best = desk.session.state("e").best
    assert best < 0.2
    assert desk.session.state("e").text == f"ready · best match {best:.2f}"
    desk.clear_notes()
    desk.session.set_threshold(0.6)
    assert set(desk.states) == set("abcde")
    assert desk.session.threshold == 0.6
    assert desk.session.state("e").text == f"ready · no match here, best {best:.2f}"
    assert desk.session.state("e").no_match
    assert desk.session.state("a").text == "ready · best match 1.00"
    desk.session.set_threshold(None)
    assert not desk.session.state("e").no_match
