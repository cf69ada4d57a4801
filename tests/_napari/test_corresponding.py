"""Points of one image found in the others, and the lines that say so."""

from __future__ import annotations

import numpy as np
import pytest

from events import spin
from napari_dinosim._napari.corresponding import Corresponding
from reddish import GREY, PLANTED, planted


@pytest.fixture
def corresponding(bench):
    made = Corresponding(bench.controller)
    made.task.told.connect(bench.controller.told.emit)
    yield made
    made.shutdown()


def find(corresponding) -> None:
    corresponding.find()
    assert spin(10, lambda: not corresponding.task.running)


def world(lines) -> list[np.ndarray]:
    """Ends of the lines in the world, each (2, ndim)."""
    return [np.array([lines.data_to_world(end) for end in line]) for line in lines.data]


def side_by_side(bench, count: int = 2, *clicks) -> list:
    """Images of one content beside each other, with points on the first one."""
    layers = [bench.add(planted(), name=str(number), translate=(0, 200 * number)) for number in range(count)]
    bench.start()
    for click in clicks or [(20, 100)]:
        bench.point(layers[0], click)
    return layers


def test_selected_points_are_found_in_the_other_image_with_lines(bench, corresponding):
    one, two = planted(), planted(96, 160)[::-1, ::-1]
    first = bench.add(one, name="one", scale=(2, 1), units="um")
    second = bench.add(two, name="two", scale=(2, 1), translate=(0, 300), units="um")
    bench.start()
    for row, col in PLANTED:
        bench.point(first, (row * 16 + 4, col * 16 + 9))
    bench.prompts.selected_data = {0, 2}
    units = []
    bench.viewer.layers.events.inserted.connect(lambda event: units.append(event.value.units))
    find(corresponding)
    assert units == [first.units], "napari warns of layers in other units, for a moment too"
    (lines,) = bench.ours("correspondence")
    assert len(lines.data) == 2
    assert set(lines.features["mutual"]) == {"mutual"}
    for line, (row, col) in zip(world(lines), [(1, 6), (3, 8)], strict=True):
        np.testing.assert_allclose(line[0], first.data_to_world((row * 16 + 7.5, col * 16 + 7.5)))
        y, x = second.world_to_data(line[1])
        assert two[int(y), int(x)].tolist() == list(PLANTED[row, col])
    bench.prompts.selected_data = set()
    find(corresponding)
    assert len(bench.ours("correspondence")[0].data) == 3
    assert bench.told[-1][0].startswith("3 places found, 3 of them mutual")
    bench.controller.check(str(second.unique_id), False)
    corresponding.find()
    assert "found 3 points on embedded planes and 1 embedded images" in bench.told[-1][0]


def test_lines_to_an_image_that_is_gone_meanwhile_are_left_out(bench, corresponding):
    layers = [bench.add(planted(), name=name) for name in ("one", "two", "three")]
    bench.start()
    bench.point(layers[0], (20, 100))
    corresponding.find()
    bench.viewer.layers.remove(layers[1])  # the points are those of the topmost image, the third
    assert spin(10, lambda: not corresponding.task.running)
    assert bench.told[-1][0].startswith("1 place found")
    assert len(bench.ours("correspondence")[0].data) == 1


def test_the_point_that_was_just_clicked_does_not_stand_for_a_selection(bench, corresponding):
    side_by_side(bench, 2, (20, 100), (70, 20), (60, 140))
    bench.prompts.mode = "add"
    assert set(bench.prompts.selected_data) == {2}
    find(corresponding)
    assert len(bench.ours("correspondence")[0].data) == 3
    bench.prompts.mode = "select"
    bench.prompts.selected_data = {2}
    find(corresponding)
    assert len(bench.ours("correspondence")[0].data) == 1


def test_lines_have_the_colour_of_what_they_say(bench, corresponding):
    one, two = planted(), planted()
    one[16:32, 16:32] = (250, 90, 60)
    two[48:64, 128:144] = (250, 92, 60)  # more like another place of the first image
    layers = [bench.add(one, name="one"), bench.add(two, name="two", translate=(0, 200))]
    bench.start()
    for click in ((20, 100), (52, 132)):
        bench.point(layers[0], click)
    find(corresponding)
    (lines,) = bench.ours("correspondence")
    assert list(lines.features["mutual"]) == ["mutual", "one way"]
    green, orange = (0, 0xC8 / 255, 0x53 / 255, 1), (1, 0x91 / 255, 0, 1)
    np.testing.assert_allclose(lines.edge_color, [green, orange], atol=1e-6)
    np.testing.assert_allclose(lines._view_text_color, [green, orange], atol=1e-6)


def test_negative_points_are_left_out(bench, corresponding):
    side_by_side(bench, 2, (20, 100), (70, 20))
    with bench.controller.prompts.labels.adding("negative"):
        bench.point(bench.viewer.layers["1"], (60, 140))
    bench.prompts.selected_data = set()
    assert [prompt.label for prompt in bench.session.prompts] == ["positive", "positive", "negative"]
    find(corresponding)
    assert "2 places found, 2 of them mutual" in bench.told[-1][0]
    assert "1 negative point left out" in bench.told[-1][0]
    assert [pair.found.y for pair in corresponding.pairs] == [23.5, 71.5]
    bench.prompts.mode = "select"
    bench.prompts.selected_data = {1}
    find(corresponding)
    assert "negative" not in bench.told[-1][0]
    bench.prompts.selected_data = {2}
    find(corresponding)
    assert "found only 1 negative point, expected at least one point of what you look for" in bench.told[-1][0]
    assert bench.told[-1][1]
    assert len(corresponding.pairs) == 1


def test_lines_lie_in_the_plane_where_the_place_was_found(bench, corresponding):
    stack = np.stack([planted() for _ in range(4)])
    first = bench.add(stack, name="stack", rgb=True, scale=(0.3, 1, 1))
    second = bench.add(planted(), name="flat", translate=(0, 200))
    bench.viewer.dims.set_current_step(0, 2)
    bench.start()
    bench.point(first, (2, 20, 100))
    find(corresponding)
    (lines,) = bench.ours("correspondence")
    expected = [first.data_to_world((2, 23.5, 103.5)), (0.6, *second.data_to_world((23.5, 103.5)))]
    np.testing.assert_allclose(world(lines), [expected], atol=1e-4)
    for step in range(4):
        bench.viewer.dims.set_current_step(0, step)
        assert bool(lines._data_view._displayed.any()) == (step == 2)


def test_lines_join_planes_along_other_axes(bench, corresponding):
    volume = np.full((90, 4, 157, 3), GREY, np.uint8)  # (z, y, x): the planted image lies along z and x
    volume[:, 1] = volume[:, 2] = planted()
    one = bench.add(volume, name="one", rgb=True)
    two = bench.add(volume, name="two", rgb=True, translate=(0, 0, 200))
    bench.viewer.dims.order = (1, 0, 2)
    bench.viewer.dims.set_current_step(1, 2)
    bench.start()
    bench.point(one, (20, 2, 100))
    assert bench.session.prompts.prompts[0].plane == (2, -3, -1)
    find(corresponding)
    (lines,) = bench.ours("correspondence")
    expected = [layer.data_to_world((23.5, 2, 103.5)) for layer in (one, two)]
    np.testing.assert_allclose(world(lines), [expected], atol=1e-4)
    assert lines._data_view._displayed.all()


def test_lines_that_a_person_changed_are_theirs(bench, corresponding):
    layers = side_by_side(bench)
    find(corresponding)
    (theirs,) = bench.ours("correspondence")
    theirs.add_lines(np.array([[0, 0], [50, 50.0]]))
    kept = [line.copy() for line in theirs.data]
    find(corresponding)
    assert "are yours and stay" in bench.told[-1][0]
    _, ours = bench.ours("correspondence")
    np.testing.assert_array_equal(theirs.data, kept)
    assert len(ours.data) == 1
    ours.data = [ours.data[0] + 3]
    layers[1].translate = (30, 200)
    assert spin(2, lambda: bench.told[-1][0].endswith("Press Find points elsewhere for new ones."))
    assert len(bench.ours("correspondence")) == 2
    find(corresponding)
    assert len(bench.ours("correspondence")) == 3


def test_looks_that_a_person_chose_are_kept(bench, corresponding):
    side_by_side(bench, 2, (20, 100), (70, 20))
    find(corresponding)
    (lines,) = bench.ours("correspondence")
    lines.opacity, lines.name, lines.edge_width, lines.text.size = 0.4, "mine", 7, 20
    bench.prompts.mode = "select"
    bench.prompts.selected_data = {0}
    find(corresponding)
    assert bench.ours("correspondence") == [lines]
    assert (lines.opacity, lines.name, lines.edge_width, lines.text.size) == (0.4, "mine", [7], 20)
    assert lines.text.values.tolist() == ["1.00 mutual"]
    assert "in the layer 'mine'" in bench.told[-1][0]


def test_lines_follow_their_images_and_go_with_them(bench, corresponding):
    layers = side_by_side(bench, 3)
    find(corresponding)
    (lines,) = bench.ours("correspondence")
    assert len(lines.data) == 2
    layers[1].translate, layers[1].scale = (50, 400), (2, 1)
    place = layers[1].data_to_world((23.5, 103.5))
    assert spin(2, lambda: any(np.allclose(line[1], place) for line in world(lines)))
    bench.viewer.layers.remove(layers[1])
    assert spin(2, lambda: len(lines.data) == 1)
    np.testing.assert_allclose(world(lines)[0][1], layers[2].data_to_world((23.5, 103.5)))
    bench.viewer.layers.remove(layers[2])
    assert spin(2, lambda: not bench.ours("correspondence"))


def test_lines_that_a_person_removed_do_not_come_back(bench, corresponding):
    layers = side_by_side(bench)
    find(corresponding)
    bench.viewer.layers.remove("correspondence")
    layers[1].translate = (50, 400)
    spin(0.2)
    assert bench.ours("correspondence") == []


def test_lines_are_made_anew_when_a_stack_joins(bench, corresponding):
    layers = side_by_side(bench)
    find(corresponding)
    bench.ours("correspondence")[0].opacity = 0.3
    bench.add(np.zeros((3, 40, 60, 3), np.uint8), name="stack", rgb=True, translate=(0, 0, 500))
    layers[1].translate = (50, 400)
    assert spin(2, lambda: bench.ours("correspondence")[0].ndim == 3)
    (lines,) = bench.ours("correspondence")
    assert lines.opacity == 0.3
    np.testing.assert_allclose(world(lines)[0][1][1:], layers[1].data_to_world((23.5, 103.5)))
