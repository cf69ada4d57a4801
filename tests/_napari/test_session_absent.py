"""Points and regions whose image is not here: nobody else's, and again where they were when it is back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers.base import ActionType

from events import spin
from napari_dinosim._napari.absent import Origin, RecordKeys, handed_over, joined
from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim._napari.opening import NOTHING_HERE
from napari_dinosim._napari.point_records import describe_points, put_points
from napari_dinosim._napari.reading import ABSENT, LeftOut, Owner
from napari_dinosim._napari.region_records import describe_regions, put_regions
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.session_section import SessionSection
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.records.files import load_session
from napari_dinosim.records.making import record_image
from napari_dinosim.records.values import EncoderRecord, Place, SessionRecord
from pictures import colours
from sessions import answer, begin, close, layers_of, opened, save

ONE, TWO = colours(90, 125), colours(75, 61, 1)
AT = (37, 50)
CORNERS = np.array([(5, 5), (40, 5), (40, 30)])


def record_of(at, images) -> SessionRecord:
    keys = RecordKeys({one.key: one.image.name for one in at.controller.offering.all()})
    facts = describe_points(at.controller, keys), describe_regions(at.controller, keys)
    made = [record_image(name, data) for name, data in images.items()]
    return SessionRecord(encoder=EncoderRecord(EncoderChoice("builtin")), **joined(made, keys.absent, *facts, Path()))


def put(at, record) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    found = {one.image.name: one for one in at.controller.offering.all()}
    points = put_points(at.controller, record, found, append=False)
    regions = put_regions(at.controller, record, found, at.controller.checked()[0], append=False)
    at.wait()
    return points, regions


def marked(at, layer, place, corners=CORNERS) -> None:
    """Mark a point and a region, both on the only image that is visible."""
    at.point(layer, place)
    at.controller.draw_regions()
    at.controller.regions.layer.add(corners, shape_type="polygon")
    at.wait()


def left_out(at) -> tuple[dict, int, int]:
    checked = at.controller.offering.checked()
    points, regions = at.controller.prompts.read(checked), at.controller.regions.read(checked)
    return dict(points.left_out), len(points.prompts), len(regions.prompts)


def opened_without_two(desk, folder, monkeypatch):
    """Take two.tif away, and open the session first.json without it in an empty viewer."""
    (folder / "two.tif").rename(folder / "away.tif")
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "first.json")
    answer("Open without")
    assert spin(20, lambda: "Session opened" in found.widget.message.value)
    return found, section


def test_a_session_saved_again_keeps_the_image_that_was_left_out(desk, tmp_path, monkeypatch):
    for name, image in (("one", ONE), ("two", TWO)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="rgb")
    found, section = opened(desk, tmp_path, "one", "two")
    found.start()
    layers_of(found)["one"].visible = False
    found.click(layers_of(found)["two"], AT)
    found.controller.draw_regions()
    found.controller.regions.layer.add(CORNERS, shape_type="polygon")
    found.wait()
    layers_of(found)["one"].visible = True
    save(found, section, monkeypatch, tmp_path / "first.json")
    before = load_session(tmp_path / "first.json")
    close(found)
    found, section = opened_without_two(desk, tmp_path, monkeypatch)
    assert found.widget.message.value == (
        "Session opened: 1 point and 1 region. 2 of them on images, or planes of them, that are not here: "
        "nothing is searched for there."
    )
    (tmp_path / "deeper").mkdir()
    save(found, section, monkeypatch, tmp_path / "deeper" / "second.json")
    again = load_session(tmp_path / "deeper" / "second.json")
    assert [image.key for image in again.images] == [image.key for image in before.images] == ["two", "one"]
    assert again.images[0].layers[0].relative == "../two.tif"
    assert [point.place for point in again.prompts] == [point.place for point in before.prompts]
    assert [(one.image, one.vertices) for one in again.regions] == [(one.image, one.vertices) for one in before.regions]
    close(found)
    (tmp_path / "away.tif").rename(tmp_path / "two.tif")
    found, section = opened(desk, tmp_path)
    begin(section, monkeypatch, tmp_path / "deeper" / "second.json")
    assert spin(20, lambda: "Session opened" in found.widget.message.value), found.widget.message.value
    found.wait()
    two = key_of(layers_of(found)["two"])
    assert {prompt.source for prompt in found.session.prompts.prompts + found.session.prompts.regions} == {two}
    assert (len(found.session.prompts.prompts), len(found.session.prompts.regions)) == (1, 1)


def test_what_lies_in_an_image_that_was_opened_meanwhile_lies_in_that_one(bench):
    two = bench.add(TWO, name="two")
    bench.start()
    marked(bench, two, AT)
    record = record_of(bench, {"two": TWO})
    bench.add(ONE, name="one")
    bench.viewer.layers.remove(two)
    bench.start()
    put(bench, record)
    assert left_out(bench) == ({LeftOut.ABSENT: 1}, 0, 0)
    bench.add(TWO, name="again")
    bench.wait()
    assert left_out(bench) == ({LeftOut.ABSENT: 1}, 0, 0), "it is only known when it is looked into"
    saved = record_of(bench, {"one": ONE, "again": TWO})
    assert [image.key for image in saved.images] == ["one", "again"]
    assert [point.place for point in saved.prompts] == [replace(record.prompts[0].place, image="again")]
    assert [region.image for region in saved.regions] == ["again"]
    assert saved.regions[0].vertices == record.regions[0].vertices


def test_images_of_one_name_are_told_apart(bench):
    two = bench.add(TWO, name="one")
    bench.start()
    marked(bench, two, AT)
    record = record_of(bench, {"one": TWO})
    bench.viewer.layers.remove(two)
    bench.add(ONE, name="one")
    bench.start()
    record = replace(
        record,
        images=(replace(record.images[0], key="two"),),
        prompts=tuple(replace(point, place=replace(point.place, image="two")) for point in record.prompts),
        regions=(),
    )
    record = replace(record, images=(replace(record.images[0], key="two"), record_image("one", ONE)))
    put(bench, record)
    saved = record_of(bench, {"one": ONE})
    assert [image.key for image in saved.images] == ["two", "one"]
    named = [replace(record.images[0], key="one"), record_image("two", ONE[:40])]
    crossed = replace(record, images=tuple(named), prompts=(replace(record.prompts[0], place=Place("one", 3.0, 4.0)),))
    found = {"two": bench.controller.offering.all()[0]}
    put_points(bench.controller, crossed, found, append=False)
    saved = record_of(bench, {"one": ONE})
    assert [image.key for image in saved.images] == ["one [1]", "one"]
    assert saved.prompts[0].place == Place("one [1]", 3.0, 4.0)
    assert saved.images[0].layers == record.images[0].layers


def test_what_lies_on_a_plane_that_is_gone_is_no_other_images(bench):
    stack = np.stack([colours(60, 90, seed) for seed in range(5)])
    deep = bench.add(stack, name="deep")
    bench.start()
    bench.viewer.dims.set_point(0, 4)
    bench.point(deep, (4, 20, 60))
    bench.controller.draw_regions()
    bench.controller.regions.layer.add(np.insert(CORNERS, 0, 4, axis=1).astype(float), shape_type="polygon")
    bench.wait()
    record = record_of(bench, {"deep": stack})
    assert (record.prompts[0].place.plane, record.regions[0].plane) == ((4,), (4,))
    bench.viewer.layers.remove(deep)
    bench.add(stack[:3], name="deep")
    bench.add(stack, name="cover")
    bench.start()
    assert put(bench, record) == ((1, 1, 0), (1, 1, 0))
    assert left_out(bench) == ({LeftOut.ABSENT: 1}, 0, 0)
    again = record_of(bench, {"deep": stack[:3], "cover": stack})
    assert [image.key for image in again.images] == ["deep", "cover"]
    assert again.prompts[0].place == record.prompts[0].place
    assert (again.regions[0].image, again.regions[0].plane) == ("deep", (4,))
    assert again.regions[0].vertices == record.regions[0].vertices


def test_what_lies_on_an_image_that_is_not_checked_is_kept_with_it(bench):
    one = bench.add(ONE, name="one", scale=(0.5, 2), rotate=20)
    bench.start()
    marked(bench, one, AT)
    bench.add(TWO, name="two")
    before = record_of(bench, {"one": ONE, "two": TWO})
    bench.controller.check(key_of(one), False)
    bench.wait()
    assert left_out(bench) == ({LeftOut.UNSEARCHED: 1}, 0, 0)
    after = record_of(bench, {"one": ONE, "two": TWO})
    assert after.prompts[0].place.image == after.regions[0].image == "one"
    np.testing.assert_allclose(after.regions[0].vertices, before.regions[0].vertices)
    assert (after.prompts[0].place.y, after.prompts[0].place.x) == pytest.approx(AT)


def test_what_lay_on_an_image_that_was_taken_away_is_nobodys_in_a_session(bench):
    one = bench.add(ONE, name="one")
    bench.start()
    marked(bench, one, AT)
    bench.add(TWO, name="two")
    bench.viewer.layers.remove(one)
    bench.wait()
    record = record_of(bench, {"two": TWO})
    assert [(point.place, point.kept_out) for point in record.prompts] == [(None, True)]
    assert [(region.image, region.kept_out) for region in record.regions] == [(None, True)]
    assert left_out(bench) == ({LeftOut.REMOVED: 1}, 0, 0)
    assert bench.viewer.status == "1 point of an image that was removed: left out until moved."
    assert put(bench, record) == ((1, 1, 0), (1, 1, 0))
    assert left_out(bench) == ({LeftOut.ABSENT: 1}, 0, 0)
    assert record_of(bench, {"two": TWO}).prompts == record.prompts


def test_images_of_the_same_pixels_stay_two(bench):
    first, second = bench.add(TWO, name="two"), bench.add(TWO, name="twin", translate=(0, 200))
    bench.start()
    marked(bench, first, AT)
    bench.point(second, (20, 30))
    record = record_of(bench, {"two": TWO, "twin": TWO})
    assert [point.place.image for point in record.prompts] == ["two", "twin"]
    bench.viewer.layers.remove(second)
    bench.wait()
    put(bench, record)
    assert left_out(bench) == ({LeftOut.ABSENT: 1}, 1, 1)
    saved = record_of(bench, {"two": TWO})
    assert [image.key for image in saved.images] == ["two", "twin"]
    assert [point.place for point in saved.prompts] == [point.place for point in record.prompts]
    bench.viewer.layers.remove(first)
    bench.add(ONE, name="one")
    bench.start()
    put(bench, record)
    assert [image.key for image in record_of(bench, {"one": ONE}).images] == ["two", "twin", "one"]


def test_images_that_are_not_here_keep_their_place_among_the_others(bench):
    layers = {name: bench.add(colours(60, 60 + 10 * seed, seed), name=name) for seed, name in enumerate("dcba")}
    bench.start()
    for name, layer in layers.items():
        for other in layers.values():
            other.visible = other is layer
        bench.point(layer, (20, 30 + ord(name) % 5))
    data = {one.image.name: one.image.data for one in bench.controller.offering.all()}
    assert list(data) == ["a", "b", "c", "d"]
    record = record_of(bench, data)
    assert {point.place.image for point in record.prompts} == set(data)
    for gone in ("b", "c"):
        bench.viewer.layers.remove(layers[gone])
    bench.wait()
    put(bench, record)
    assert [image.key for image in record_of(bench, {name: data[name] for name in "ad"}).images] == ["a", "b", "c", "d"]


def test_what_lacks_its_plane_goes_with_its_image_to_another_key():
    own, other = Owner(ABSENT, (4,), Origin("a", ((1.0, 2.0),))), Owner("a", (4,))
    change = handed_over(["a", "b"], "c")
    assert change(other) == Owner("c", (4,))
    assert (change(own).key, change(own).origin.image, change(own).origin.places) == (ABSENT, "c", ((1.0, 2.0),))
    assert change(Owner("d", ())) == Owner("d", ())


def two_files(desk, folder, monkeypatch, *names: str):
    """A session of a point and a region on two.tif, which goes then; in a viewer with other images."""
    for name, image in (("one", ONE), ("two", TWO)):
        tifffile.imwrite(folder / f"{name}.tif", image, photometric="rgb")
    found, section = opened(desk, folder, "two")
    found.start()
    found.click(layers_of(found)["two"], AT)
    found.controller.draw_regions()
    found.controller.regions.layer.add(CORNERS, shape_type="polygon")
    found.wait()
    save(found, section, monkeypatch, folder / "session.json")
    close(found)
    (folder / "two.tif").rename(folder / "away.tif")
    return opened(desk, folder, *names)


def test_a_session_of_which_no_image_is_here_keeps_what_was_marked(desk, tmp_path, monkeypatch):
    found, section = two_files(desk, tmp_path, monkeypatch, "one")
    found.start()
    found.click(layers_of(found)["one"], (70, 100))
    begin(section, monkeypatch, tmp_path / "session.json")
    answer("Open without")
    assert answer("Replace") == "There is already: 1 point. Replace it by the session's?"
    assert spin(20, lambda: "Session opened" in found.widget.message.value)
    assert found.widget.message.value.startswith("Session opened: 1 point and 1 region. 2 of them on images")
    assert (len(found.prompts.data), len(found.session.prompts)) == (1, 0)
    save(found, section, monkeypatch, tmp_path / "again.json")
    before, again = load_session(tmp_path / "session.json"), load_session(tmp_path / "again.json")
    assert sorted(image.key for image in again.images) == ["one", "two"]
    assert [point.place for point in again.prompts] == [point.place for point in before.prompts]
    assert [region.vertices for region in again.regions] == [region.vertices for region in before.regions]


def test_a_session_is_not_opened_where_nothing_is(desk, tmp_path, monkeypatch):
    found, section = two_files(desk, tmp_path, monkeypatch)
    begin(section, monkeypatch, tmp_path / "session.json")
    answer("Open without")
    assert spin(20, lambda: "None of the images" in found.widget.message.value), found.widget.message.value
    assert found.widget.message.value == f"⚠ {NOTHING_HERE}"
    assert len(found.viewer.layers) == 0


def test_a_composition_of_which_one_file_was_gone_comes_back(desk, tmp_path, monkeypatch):
    for name, image in (("one", ONE[..., 0]), ("two", ONE[..., 1]), ("three", ONE[..., 2])):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    found, section = opened(desk, tmp_path, "one", "two", "three")
    keys = [key_of(layers_of(found)[name]) for name in ("one", "two")]
    found.controller.compose(keys)
    found.wait()
    found.start()
    layers_of(found)["three"].visible = False
    found.click(layers_of(found)["one"], AT)
    (prompt,) = found.session.prompts
    assert prompt.source in keys
    save(found, section, monkeypatch, tmp_path / "first.json")
    close(found)
    found, section = opened_without_two(desk, tmp_path, monkeypatch)
    save(found, section, monkeypatch, tmp_path / "second.json")
    assert sorted(len(image.layers) for image in load_session(tmp_path / "second.json").images) == [1, 2]
    close(found)
    (tmp_path / "away.tif").rename(tmp_path / "two.tif")
    found, section = opened(desk, tmp_path)
    begin(section, monkeypatch, tmp_path / "second.json")
    assert spin(20, lambda: "Session opened" in found.widget.message.value), found.widget.message.value
    found.wait()
    (prompt,) = found.session.prompts
    assert (round(prompt.y), round(prompt.x)) == AT
    assert found.controller.offering.find(prompt.source).composed


def test_a_point_outside_every_image_is_the_first_ones_that_comes_under_it(bench):
    one = bench.add(ONE, name="one")
    bench.start()
    bench.point(one, (200, 300))
    record = record_of(bench, {"one": ONE})
    assert [(point.place, point.kept_out) for point in record.prompts] == [(None, False)]
    bench.add(ONE, name="two", translate=(170, 250))
    put(bench, record)
    assert left_out(bench) == ({}, 1, 0)


def moved(layer, index: int, by: float) -> None:
    """Move one as a drag does, with the events that napari sends."""
    told = {"data_indices": (index,), "vertex_indices": ((),)}
    layer.events.data(value=layer.data, action=ActionType.CHANGING, **told)
    data = [np.array(one, dtype=float) for one in layer.data]
    data[index] = data[index] + by
    layer.data = np.array(data) if layer.data is not None and not isinstance(layer.data, list) else data
    layer.events.data(value=layer.data, action=ActionType.CHANGED, **told)


@pytest.mark.parametrize("kind", ["points", "regions"])
def test_of_two_at_one_place_the_other_stays_where_it_is_when_the_first_moves(bench, kind):
    below = bench.add(ONE, name="below")
    bench.start()
    marked(bench, below, AT)
    above = bench.add(ONE[::-1].copy(), name="above")
    bench.start()
    marked(bench, above, AT)
    holder = bench.controller.prompts if kind == "points" else bench.controller.regions
    sources = [key_of(below), key_of(above)]
    prompts = lambda: getattr(bench.session.prompts, "prompts" if kind == "points" else "regions")  # noqa: E731
    assert [prompt.source for prompt in prompts()] == sources
    moved(holder.layer, 0, 2.5)
    bench.wait()
    assert [prompt.source for prompt in prompts()][1:] == sources[1:], "the one that was not touched"
    assert holder.undoing.undoable == f"1 {kind[:-1]} moved"
    holder.undoing.undo()
    bench.wait()
    assert [prompt.source for prompt in prompts()] == sources
    holder.undoing.redo()
    bench.wait()
    assert [prompt.source for prompt in prompts()][1:] == sources[1:]


def reopened(found) -> SessionSection:
    found.viewer.window.remove_dock_widget(found.dock)
    found.widget.close()
    spin(0.2)
    found.dock, found.widget = found.viewer.window.add_plugin_dock_widget("napari-dinosim")
    return found.widget.section(SessionSection)


def test_points_that_an_earlier_widget_left_are_known_before_start(desk, tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "one.tif", ONE, photometric="rgb")
    found, section = opened(desk, tmp_path, "one")
    found.start()
    found.click(layers_of(found)["one"], AT)
    found.controller.draw_regions()
    found.controller.regions.layer.add(CORNERS, shape_type="polygon")
    found.wait()
    save(found, reopened(found), monkeypatch, tmp_path / "session.json")
    record = load_session(tmp_path / "session.json")
    assert [point.place.image for point in record.prompts] == ["one"]
    assert [region.image for region in record.regions] == ["one"]
    section = reopened(found)
    found.prompts.data = found.prompts.data + 1
    assert spin(5, lambda: found.widget.message.value.endswith("embedded only when you say so."))
    assert found.widget.message.value.startswith("Searching for what is under 1 point and in 1 region. Press Start")
    active = found.viewer.layers.selection.active
    begin(section, monkeypatch, tmp_path / "session.json")
    assert answer("Cancel") == "There are already: 1 point, 1 region. Replace them by the session's?"
    assert found.viewer.layers.selection.active is active
    assert len(found.prompts.data) == 1


@pytest.mark.parametrize("taken_away", [False, True])
def test_a_widget_that_is_opened_again_knows_whose_points_and_regions_are(bench, taken_away):
    below = bench.add(ONE, name="below")
    bench.start()
    marked(bench, below, AT)
    above = bench.add(TWO, name="above")
    if taken_away:
        bench.viewer.layers.remove(below)
    bench.wait()
    expected = left_out(bench)
    assert expected == (({LeftOut.REMOVED: 1}, 0, 0) if taken_away else ({}, 1, 1))
    bench.controller.shutdown()
    spin(0.1)
    bench.controller = Controller(bench.viewer, EncoderChoice("builtin"), EncoderSlot(bench.encoders.load), patch_size)
    bench.session = bench.controller.session
    bench.start()
    assert left_out(bench) == expected
    prompts = bench.session.prompts
    sources = {prompt.source for prompt in (*prompts.prompts, *prompts.regions)}
    assert sources == (set() if taken_away else {key_of(below)})
    assert above in bench.viewer.layers
