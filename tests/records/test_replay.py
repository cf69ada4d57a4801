"""A session that is done again gives the same maps, to the last bit; and what differs is told first."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from desk import A, Desk, patchwork
from napari_dinosim.composition import Channel, Composition
from napari_dinosim.embedding import embed
from napari_dinosim.errors import DifferenceError, EncodingError, RecordError
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.prompts import Prompt, PromptSet
from napari_dinosim.records.drawn import RegionRecord
from napari_dinosim.records.files import load_session, save_session
from napari_dinosim.records.images import ChannelRecord, ImageRecord, LayerRecord, Numbers
from napari_dinosim.records.making import embedded_by, prompt_set, record_image, record_session
from napari_dinosim.records.replay import replay
from napari_dinosim.records.signature import sign
from napari_dinosim.records.values import Difference, EncoderRecord, Place, PromptRecord, SessionRecord
from napari_dinosim.states import ImageInput
from planted import MeanColourEncoder, planted_spec

ENCODER = MeanColourEncoder(planted_spec(16), "a@planted")
LEFT, RIGHT = patchwork(100, 150), patchwork(90, 210, 1)
STACK = np.stack([patchwork(60, 90, seed) for seed in range(3)])


@pytest.fixture
def desk():
    found = Desk()
    yield found
    found.engine.shutdown()


@pytest.fixture
def images():
    return {"left": LEFT, "right": RIGHT, "stack": STACK}


@pytest.fixture
def saved(desk, images, tmp_path):
    """A session over two images and a stack, saved and loaded again."""
    desk.add("left", LEFT)
    desk.add("right", RIGHT)
    desk.add("stack", STACK, plane=(1,))
    desk.prompt(("left", 20, 100), ("stack", 41, 12, (2,)), combine="mean")
    desk.session.set_normalisation("stack")
    desk.start()
    for plane in range(3):
        desk.session.map("stack", (plane,))
    desk.wait()
    records = [record_image(key, data, rgb=True) for key, data in images.items()]
    return load_session(save_session(record_session(desk.session, records), tmp_path / "a.dinosim.json"))


def test_the_maps_are_the_same_to_the_last_bit(desk, saved, images):
    again = replay(saved, images, encoder=ENCODER)
    assert again.differences == again.notes == ()
    assert again.classes == ()
    places = [("left", ()), ("right", ()), ("stack", (0,)), ("stack", (1,)), ("stack", (2,))]
    assert sorted(again.maps) == [(*place, None) for place in places]
    for place, found in again.maps.items():
        expected = desk.session.map(*place)
        assert torch.equal(found.scores, expected.scores)
        assert np.array_equal(found.values, expected.values)
    assert np.array_equal(again.heat("stack"), desk.heat("stack"))
    assert again.heat("right").shape == (90, 210)
    assert float(np.ptp(again.heat("left"))) > 0.9


@pytest.mark.parametrize("finer", [1, 2])
def test_a_patch_covers_as_much_again(desk, tmp_path, finer):
    desk.add("stack", STACK, plane=(1,))
    desk.session.set_input("stack", replace(desk.session.inputs["stack"], covered=(1.0, 11.0, 23.5)), (1,))
    desk.session.set_encoder(replace(A, finer=finer))
    desk.prompt(("stack", 41, 12, (2,)))
    desk.start()
    record = record_session(desk.session, [record_image("stack", STACK, rgb=True)])
    again = replay(load_session(save_session(record, tmp_path / "a.dinosim.json")), {"stack": STACK}, encoder=ENCODER)
    assert again.differences == ()
    found, expected = again.map("stack"), desk.session.map("stack", (1,))
    assert found.grid == expected.grid != replace(expected.grid, sampled=None)
    assert torch.equal(found.scores, expected.scores)


def test_the_record_says_what_was_chosen(saved):
    assert saved.encoder == EncoderRecord(A, "a@planted")
    assert (saved.settings.combine, saved.settings.normalisation, saved.settings.scope) == ("mean", "stack", "all")
    assert [prompt.place for prompt in saved.prompts] == [Place("left", 20, 100), Place("stack", 41, 12, (2,))]
    assert [image.plane for image in saved.images] == [(), (), (1,)]


def test_only_the_plane_on_screen_is_embedded_where_only_that_was(saved, images):
    shown = tuple(replace(image, plane=(2,)) if image.key == "stack" else image for image in saved.images)
    only = replace(saved, images=shown, settings=replace(saved.settings, scope="field"))
    again = replay(only, images, encoder=ENCODER)
    assert [place[1] for place in again.maps if place[0] == "stack"] == [(2,)]
    assert again.map("stack") is again.map("stack", (2,))


def test_an_image_that_changed_is_told_and_refused(saved, images):
    other = RIGHT.copy()
    other[89, 209] = 255 - other[89, 209]
    changed = images | {"right": other, "left": LEFT[:, :-1]}
    with pytest.raises(DifferenceError, match="session: found 2 things other than when it was saved") as caught:
        replay(saved, changed, encoder=ENCODER)
    shape, pixels = caught.value.differences
    assert (shape.field, shape.found, shape.expected) == ("image 'left', shape", (100, 149, 3), (100, 150, 3))
    assert pixels.field == "image 'right', pixels"
    assert "image 'left', shape: found (100, 149, 3), expected (100, 150, 3)" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).differences == caught.value.differences
    again = replay(saved, changed, encoder=ENCODER, accept_differences=True)
    assert [one.field for one in again.differences] == ["image 'left', shape", "image 'right', pixels"]
    assert again.heat("left").shape == (100, 149)


def test_other_weights_are_told_and_refused_before_anything_is_embedded(saved, images):
    other = MeanColourEncoder(planted_spec(16), "a@other")
    with pytest.raises(DifferenceError, match=r"found 1 thing other.*\nencoder: found a@other, expected a@planted"):
        replay(saved, images, encoder=other)
    assert other.calls == 0
    again = replay(saved, images, encoder=other, accept_differences=True)
    assert again.differences == (Difference("encoder", "a@other", "a@planted"),)


def test_an_image_that_is_missing_is_told_and_can_be_left_out(saved, images):
    del images["left"]
    with pytest.raises(DifferenceError, match=r"image 'left': found no array, expected one of shape \(100, 150, 3\)"):
        replay(saved, images, encoder=ENCODER)
    again = replay(saved, images, encoder=ENCODER, accept_differences=True)
    assert {place[0] for place in again.maps} == {"right", "stack"}
    alone = replace(saved, prompts=saved.prompts[1:])
    assert np.array_equal(again.heat("right"), replay(alone, images | {"left": LEFT}, encoder=ENCODER).heat("right"))


def test_what_goes_wrong_is_raised(saved, images):
    class Failing(MeanColourEncoder):
        def encode(self, batch):
            raise ValueError("planted failure")

    with pytest.raises(EncodingError, match="planted failure"):
        replay(saved, images, encoder=Failing(planted_spec(16), "a@planted"))


def test_progress_is_told(saved, images):
    told = []
    replay(saved, images, encoder=ENCODER, on_progress=told.append)
    assert any(overall is not None for overall in told)


def test_limits_that_were_found_are_used_again():
    data = np.random.default_rng(3).integers(100, 4000, (70, 90)).astype(np.uint16)
    record = SessionRecord(
        encoder=EncoderRecord(A),
        images=(record_image("a", data, limits=(500, 3000)),),
        prompts=(PromptRecord(Place("a", 30, 40)),),
    )
    wide = MeanColourEncoder(planted_spec(16, dimension=6), "a@planted", complement=True)
    again = replay(record, {"a": data}, encoder=wide)
    by_hand = embed(data, wide, contrast_limits=(500, 3000))
    assert np.array_equal(again.heat("a"), by_hand.similarity_map(by_hand.query([(30, 40)])))


def test_a_composition_is_composed_again():
    rng = np.random.default_rng(4)
    first, second = (rng.integers(0, 4000, (70, 90)).astype(np.uint16) for _ in range(2))
    colours = [[(0, 0, 0), colour] for colour in ((1, 0, 1), (0, 1, 0))]
    channels = tuple(
        ChannelRecord(name, "x", Numbers.of(table), limits=(0.0, 4000.0), gamma=0.8)
        for name, table in zip(("DAPI", "actin"), colours, strict=True)
    )
    layers = tuple(LayerRecord(name, sign(data)) for name, data in (("DAPI", first), ("actin", second)))
    image = ImageRecord("both", layers, channels)
    record = SessionRecord(encoder=EncoderRecord(A), images=(image,), prompts=(PromptRecord(Place("both", 30, 40)),))
    by_hand = embed(
        Composition(
            Channel(data, table, (0, 4000), gamma=0.8) for data, table in zip((first, second), colours, strict=True)
        ),
        ENCODER,
    )
    expected = by_hand.similarity_map(by_hand.query([(30, 40)]))
    assert image.name == "DAPI + actin"
    assert np.array_equal(replay(record, {"both": [first, second]}, encoder=ENCODER).heat("both"), expected)
    along = ImageRecord(
        "both", (LayerRecord("cells", sign(np.stack([first, second]))),), channels, channel_axis=-3, plane=(0,)
    )
    along_axis = replace(record, images=(along,), prompts=(PromptRecord(Place("both", 30, 40, (0,))),))
    again = replay(along_axis, {"both": np.stack([first, second])}, encoder=ENCODER)
    assert np.array_equal(again.heat("both"), expected)
    assert len(again.maps) == 1
    with pytest.raises(RecordError, match="image 'both': found 1 array, expected 2, one for each of DAPI, actin"):
        replay(record, {"both": first}, encoder=ENCODER)


@pytest.mark.parametrize(("debias", "centre"), [(False, False), (True, False), (True, True)])
def test_the_identity_is_known_before_anything_is_embedded(debias, centre):
    choice = EncoderChoice("a", debias=debias, centre=centre)
    wide = MeanColourEncoder(planted_spec(16, dimension=6), "a@planted", complement=True)
    assert choice.finish(embed(LEFT, wide)).encoder == choice.identity(wide)


def test_an_input_that_is_not_described(desk):
    desk.add("left", LEFT)
    with pytest.raises(RecordError, match="images: found none for 'left', expected one for each input"):
        record_session(desk.session, [])


def test_nothing_embedded_has_no_identity(desk):
    desk.add("left", LEFT)
    assert embedded_by(desk.session) is None
    record = record_session(desk.session, [record_image("left", LEFT)])
    assert record.encoder.identity is None


def test_points_that_lie_in_no_image_are_kept_and_not_searched(saved):
    more = replace(saved, prompts=(*saved.prompts, PromptRecord(None, world=(3.0, 4.0))))
    image = ImageInput("left", LEFT.shape[:2], lambda _plane: None)
    assert prompt_set(more, {"left": image}) == (PromptSet((Prompt("left", 20, 100),), "mean"), [])


def test_a_note_is_kept_of_what_was_told(saved, images):
    outside = replace(saved, prompts=(*saved.prompts, PromptRecord(Place("left", 99, 500))))
    again = replay(outside, images, encoder=ENCODER)
    assert len(again.notes) == 1
    assert "outside" in again.notes[0]


def test_classes_and_negatives_come_back(desk, images):
    for key, data in images.items():
        if key != "stack":
            desk.add(key, data)
    places = [("left", 20, 100, "root"), ("left", 70, 30, "soil"), ("right", 60, 60, "negative")]
    desk.session.set_prompts(PromptSet(tuple(Prompt(key, y, x, (), label) for key, y, x, label in places), "top"))
    desk.session.set_normalisation("cosine")
    desk.session.set_threshold(0.7)
    desk.start()
    record = record_session(desk.session, [record_image(key, images[key], rgb=True) for key in ("left", "right")])
    assert [prompt.label for prompt in record.prompts] == ["root", "soil", "negative"]
    assert record.settings.threshold == 0.7
    again = replay(record, {"left": LEFT, "right": RIGHT}, encoder=ENCODER)
    assert again.classes == ("root", "soil")
    assert len(again.maps) == 6
    for (key, plane, label), found in again.maps.items():
        assert np.array_equal(found.values, desk.session.map(key, plane, label).values)
    assert not np.array_equal(again.heat("right", label="root"), again.heat("right", label="soil"))


def test_a_key_that_is_none_is_refused_by_name(saved, images):
    with pytest.raises(RecordError, match="found 'typo', expected keys of the session: 'left', 'right', 'stack'"):
        replay(saved, {**images, "typo": LEFT}, encoder=ENCODER, accept_differences=True)


@pytest.mark.parametrize("plane", [(), (3,), (-1,), (1, 0), (1, -9, -1), (1, -1, -1), (60, -3, -1)])
def test_a_plane_that_the_image_does_not_have_is_refused(saved, images, plane):
    wrong = [replace(image, plane=plane) if image.key == "stack" else image for image in saved.images]
    with pytest.raises(RecordError) as told:
        replay(replace(saved, images=tuple(wrong)), images, encoder=ENCODER)
    assert f"image 'stack': found the plane {plane}, expected one of an image of shape (3, 60, 90)" in str(told.value)


def test_prompts_on_planes_that_are_not_there_are_left_out_and_told(saved, images):
    first, second = saved.prompts
    assert second.place.plane == (2,)
    wrong = replace(second, place=replace(second.place, plane=(2, 0)))
    outline = ((10.0, 10.0), (10.0, 40.0), (40.0, 40.0))
    region = RegionRecord("polygon", "stack", outline, (7,))
    done = replay(replace(saved, prompts=(first, wrong), regions=(region,)), images, encoder=ENCODER)
    assert "Point 2 was left out: (2, 0) is no plane of stack." in done.notes
    assert "Region 1 was left out: (7,) is no plane of stack." in done.notes
    alone = replay(replace(saved, prompts=(first,)), images, encoder=ENCODER)
    np.testing.assert_array_equal(done.heat("right"), alone.heat("right"))
