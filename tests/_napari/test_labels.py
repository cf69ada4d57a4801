"""Labels of points: what they look like, how they are switched and changed, and what they mean for the maps."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QInputDialog

from events import spin
from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS, LabelBook
from napari_dinosim._napari.prompts_section import PromptsSection
from napari_dinosim.errors import LabelError
from pictures import colours

SHAPE = (100, 150)
A, B, C = (37, 120), (80, 20), (5, 70)


def labels(bench) -> list[str]:
    return list(bench.prompts.features["label"])


def looks(bench) -> list[tuple]:
    layer = bench.prompts
    pairs = zip(layer.face_color, layer.symbol, strict=True)
    return [(tuple((colour[:3] * 255).round()), str(symbol)) for colour, symbol in pairs]


def look(found) -> tuple:
    return tuple(int(found.colour[i : i + 2], 16) for i in (1, 3, 5)), found.symbol


def book_of(bench) -> LabelBook:
    return bench.controller.prompts.labels.book


# ---- the book ----------------------------------------------------------------------------------------------------


def test_no_two_labels_look_alike():
    found = [*LOOKS.values(), *CLASS_LOOKS]
    assert len(set(found)) == len(found)
    assert len({one.symbol for one in CLASS_LOOKS[:7]}) == 7


def test_labels_go_round_and_numbers_stay_with_their_class():
    book = LabelBook()
    assert [book.add("nucleus"), book.add("  thick   root ")] == ["nucleus", "thick root"]
    seen = []
    for _ in range(5):
        seen.append(book.current)
        book.choose_next()
    assert seen == ["thick root", "positive", "negative", "nucleus", "thick root"]
    book.remove("nucleus")
    book.add("vessel")
    assert book.classes == {"thick root": 1, "vessel": 2}, "another class would look as the first one did"
    assert (book.value("positive"), book.value("thick root")) == (1, 3)


@pytest.mark.parametrize(
    ("append", "classes", "current"),
    [
        (False, {"stem": 0, "root": 5, "leaf": 3, "nucleus": 1, "vessel": 2}, "leaf"),
        (True, {"nucleus": 1, "root": 2, "vessel": 3, "stem": 4, "leaf": 5}, "vessel"),
    ],
)
def test_classes_of_a_session_are_taken_beside_those_that_are_there(append, classes, current):
    book = LabelBook()
    for label in ("former", "nucleus", "root", "vessel"):
        book.add(label)
    book.remove("former")
    book.take({"stem": 0, "root": 5, "leaf": 3}, "leaf", append=append)
    assert (book.classes, book.current) == (classes, current)
    assert list(book.classes) == list(classes)


@pytest.mark.parametrize(
    ("text", "told"),
    [("  ", "expected a name"), ("Negative", "there is 'negative' already"), ("ROOT", "there is 'root' already")],
)
def test_a_name_that_is_none_or_taken_is_refused(text, told):
    book = LabelBook()
    book.add("root")
    with pytest.raises(LabelError, match=told):
        book.add(text)
    for change in (book.rename, lambda label, _text: book.remove(label)):
        with pytest.raises(LabelError, match=r"expected a class \(there are: root\)"):
            change("positive", "x")


# ---- points ------------------------------------------------------------------------------------------------------


def test_a_negative_point_is_subtracted_in_every_image(bench):
    one, other = colours(*SHAPE), colours(75, 61, seed=1)
    layers = [bench.add(one, name="a"), bench.add(other, name="b", translate=(0, 200), scale=(2, 1))]
    bench.start()
    bench.point(layers[0], A)
    book_of(bench).choose("negative")
    bench.point(layers[0], B)
    assert labels(bench) == ["positive", "negative"]
    assert looks(bench) == [look(LOOKS["positive"]), look(LOOKS["negative"])]
    for layer, image in zip(layers, (one, other), strict=True):
        cosines = [cosine(image, one, place) for place in (A, B)]
        score = cosines[0] - cosines[1]
        expected = (score - score.min()) / (np.ptp(score) + 1e-8)
        np.testing.assert_allclose(np.asarray(bench.map_of(layer).data), expected, atol=1e-4)


def cosine(image, source, place) -> np.ndarray:
    """Cosine of every pixel's patch with that of one place, from its text: mean colours, unit vectors."""

    def units(rgb):
        height, width = rgb.shape[:2]
        padded = np.zeros((-(-height // 16) * 16, -(-width // 16) * 16, 3))
        padded[:height, :width] = rgb / 255
        means = padded.reshape(len(padded) // 16, 16, -1, 16, 3).mean(axis=(1, 3))
        return means / (np.linalg.norm(means, axis=-1, keepdims=True) + 1e-8)

    query = units(source)[place[0] // 16, place[1] // 16]
    return np.kron(units(image) @ query, np.ones((16, 16)))[: image.shape[0], : image.shape[1]]


def test_only_negative_points_are_told_and_blank(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    book_of(bench).choose("negative")
    bench.point(layer, A)
    text, amiss = bench.told[-1]
    assert amiss
    assert text.startswith("Found 1 negative point and no other: they only say what is not meant.")
    assert bench.map_of(layer) is None or np.isnan(bench.map_of(layer).data).all()


def test_a_class_seen_in_three_images_is_found_in_the_fourth(bench):
    """Each of three images has one third of the class's colours; the fourth has all of them, and nothing else alike."""
    green, sand = (20, 200, 30), (200, 180, 90)
    kinds = [(250, 20, 20), (20, 20, 250), (240, 20, 240)]
    layers = []
    for number, kind in enumerate(kinds):
        image = np.full((64, 96, 3), green, np.uint8)
        image[16:32, 48:64] = kind
        layers.append(bench.add(image, name=f"seen {number}", translate=(0, 120 * number)))
    fourth = np.full((80, 112, 3), sand, np.uint8)
    places = [(0, 5), (3, 1), (4, 6)]
    for (row, col), kind in zip(places, kinds, strict=True):
        fourth[row * 16 : row * 16 + 16, col * 16 : col * 16 + 16] = kind
    layers.append(bench.add(fourth, name="fourth", translate=(90, 0)))
    bench.start()
    for layer in layers[:3]:
        bench.point(layer, (20, 55))
    found = np.asarray(bench.map_of(layers[3]).data)[8::16, 8::16]
    assert np.argwhere(found > 0.999).tolist() == [list(place) for place in sorted(places)]


def test_relabelling_a_selected_point_changes_the_maps_and_undo_takes_it_back(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    bench.point(layer, A)
    bench.point(layer, B)
    bench.prompts.selected_data = {1}
    book_of(bench).choose("negative")
    assert labels(bench) == ["positive", "positive"], "to choose a label for the next points changes no other"
    bench.controller.prompts.labels.relabel_selected()
    bench.wait()
    assert labels(bench) == ["positive", "negative"]
    assert [prompt.label for prompt in bench.session.prompts] == ["positive", "negative"]
    assert looks(bench)[1] == look(LOOKS["negative"])
    bench.controller.prompts.undoing.undo()
    bench.wait()
    assert bench.viewer.status == "Undone: 1 point relabelled"
    assert labels(bench) == ["positive", "positive"]
    assert looks(bench) == [look(LOOKS["positive"])] * 2
    bench.assert_map(layer, image / 255, [A, B])


def test_labels_written_into_the_features_count_and_nonsense_is_positive(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    for place in (A, B, C):
        bench.point(layer, place)
    bench.prompts.features = {"label": np.array([" Root ", np.nan, "NEGATIVE"], dtype=object), "mine": [1, 2, 3]}
    bench.wait()
    assert [prompt.label for prompt in bench.session.prompts] == ["Root", "positive", "negative"]
    assert labels(bench) == ["Root", "positive", "negative"]
    assert list(bench.prompts.features["mine"]) == [1, 2, 3]
    assert bench.session.classes == ("Root", "positive")
    assert looks(bench)[0] == look(CLASS_LOOKS[0])


def test_a_persons_own_colour_of_a_point_stays(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, A)
    bench.prompts.face_color = np.array([[0.1, 0.2, 0.3, 1]])
    bench.controller.prompts.labels.relabel("negative", [0])
    bench.wait()
    np.testing.assert_allclose(bench.prompts.face_color[0], (0.1, 0.2, 0.3, 1))
    assert labels(bench) == ["negative"]


def test_a_renamed_class_keeps_its_points_and_a_removed_one_leaves_them_positive(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    book_of(bench).add("root")
    bench.point(layer, A)
    point_labels = bench.controller.prompts.labels
    point_labels.book.rename("root", "thick root")
    bench.wait()
    assert (labels(bench), bench.session.classes) == (["thick root"], ("thick root",))
    assert book_of(bench).classes == {"thick root": 0}
    assert bench.controller.prompts.undoing.undoable == "1 point added", "a new name is no step"
    bench.controller.remove_class("thick root")
    bench.wait()
    assert (labels(bench), bench.session.classes) == (["positive"], ())
    assert bench.prompts.selected_data == {0}
    assert book_of(bench).classes == {}
    bench.assert_map(layer, colours(*SHAPE) / 255, [A])
    book_of(bench).add("stem")
    undo = bench.controller.prompts.undoing.undo
    undo()
    bench.wait()
    assert labels(bench) == ["thick root"]
    assert book_of(bench).classes == {"stem": 1, "thick root": 0}, "it is another class than it was"


def test_a_new_name_holds_for_all_that_can_be_undone(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    book_of(bench).add("root")
    bench.point(layer, A)
    bench.point(layer, B)
    bench.prompts.remove([0])
    bench.wait()
    book_of(bench).rename("root", "stem")
    bench.wait()
    bench.controller.prompts.undoing.undo()
    bench.wait()
    assert labels(bench) == ["stem", "stem"]
    assert book_of(bench).labels == ("positive", "negative", "stem")


def test_classes_named_before_the_layer_is_there_outlive_the_widget(bench):
    bench.add(colours(*SHAPE), name="a")
    book_of(bench).add("root")
    book_of(bench).add("stem")
    bench.start()
    assert bench.prompts.metadata["napari_dinosim"]["classes"] == {"root": 0, "stem": 1}


# ---- the section and the keys ------------------------------------------------------------------------------------


def test_t_switches_the_label_and_shift_t_relabels(desk):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    section = found.unfold(PromptsSection)
    found.start()
    found.click(layer, A)
    assert not found.prompts.text.visible
    found.key(Qt.Key.Key_T)
    assert section.text() == "▾ Points: the next is negative"
    assert section.label.currentText() == "negative"
    assert found.viewer.status == "Next points and regions: negative"
    found.click(layer, B)
    assert labels(found) == ["positive", "negative"]
    assert found.prompts.text.visible
    assert found.prompts.text.values.tolist() == ["positive", "negative"]
    found.prompts.selected_data = {0}
    found.key(Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert labels(found) == ["negative", "negative"]
    assert found.widget.message.value.startswith("⚠ Found 2 negative points")
    found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels(found) == ["positive", "negative"]


def test_a_class_is_named_in_the_widget(desk, monkeypatch):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    section = found.unfold(PromptsSection)
    found.start()
    QTest.keyClicks(section.name, "root")
    QTest.keyClick(section.name, Qt.Key.Key_Return)
    assert section.counts.text() == "Points: root 0. No map yet of root: click on one."
    found.click(layer, A)
    assert labels(found) == ["root"]
    assert section.counts.text() == "Points: root 1."
    QTest.keyClicks(section.name, "Root")
    QTest.keyClick(section.name, Qt.Key.Key_Return)
    assert "there is 'root' already" in found.widget.message.value
    assert section.name.text() == "Root", "what was typed is lost"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_args, **_kwargs: ("stem", True))
    QTest.mouseClick(section.rename, Qt.MouseButton.LeftButton)
    spin(0.1)
    assert labels(found) == ["stem"]
    section.combine.setFocus()
    QTest.keyClick(section.combine, Qt.Key.Key_End)
    assert (found.controller.combined_by, found.session.prompts.combine) == ("top", "top")


def test_the_buttons_for_a_class_say_what_they_do_or_why_not(desk):
    section = desk(Image(colours(*SHAPE), name="a")).unfold(PromptsSection)
    parts, book = (section.rename, section.remove), section._controller.prompts.labels.book
    for label in ("positive", "negative"):
        section.label.setCurrentIndex(section.label.findData(label))
        section.label.activated.emit(section.label.currentIndex())
        assert book.current == label
        why_not = f"Choose a class above first: {label} is none."
        assert [(part.isEnabled(), part.toolTip()) for part in parts] == [(False, why_not)] * 2
    QTest.keyClicks(section.name, "root")
    QTest.keyClick(section.name, Qt.Key.Key_Return)
    assert [(part.isEnabled(), part.toolTip()) for part in parts] == [
        (True, "Give the class chosen above another name; its points keep it."),
        (True, "Forget the class chosen above; its points become positive, and are selected."),
    ]
    QTest.mouseClick(section.remove, Qt.MouseButton.LeftButton)
    assert {part.toolTip() for part in parts} == {"Choose a class above first: positive is none."}


def test_labels_are_there_again_when_the_widget_is_opened_anew(desk):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    found.start()
    book_of(found).add("root")
    found.click(layer, A)
    found.viewer.window.remove_dock_widget(found.dock)
    found.widget.close()
    spin(0.2)
    again = type(found)(found.viewer, found.encoders)
    again.start()
    assert [prompt.label for prompt in again.session.prompts] == ["root"]
    assert book_of(again).labels == ("positive", "negative", "root")


def test_a_long_name_of_a_class_is_told_whole_where_it_is_cut(desk):
    found = desk(Image(colours(100, 150), name="a"))
    section = found.unfold(PromptsSection)
    name = "mitochondria with swollen cristae near the nucleus"
    found.controller.prompts.labels.book.add(name)
    assert section.text().endswith("Points: the next is mitochondria…nucleus")
    assert section.label.currentText() == name
    assert section.label.shown_text() != name
    assert "…" in section.label.shown_text()
    assert section.label.toolTip().startswith(f"{name}\nLabel of the next points.")
