"""Figures of a session: what it shows, at one moment."""

import numpy as np
import pytest

from desk import Desk
from napari_dinosim import session_figure
from napari_dinosim.errors import FigureError
from napari_dinosim.figure import MapLook
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.panels import FrozenFigure
from pictures import colours
from planted import MeanColourEncoder, planted_spec


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.engine.shutdown()


def panels(session, *args, **more):
    frozen = FrozenFigure.of(session, *args, **more)
    return [panel.make(lambda *_: None) for panel in frozen.panels]


def test_images_maps_and_prompts_of_a_session(desk):
    first, second = colours(100, 150), colours(60, 90)
    desk.add("a", first)
    desk.add("b", second)
    desk.prompt(("a", 37, 120), ("b", 5, 60, (), "negative"))
    desk.start()
    found = panels(desk.session, None, None, {"b": ((2.0, 1.0), "µm")})
    assert [panel.name for panel in found] == ["image a", "image b"]
    for panel, key, pixels in zip(found, "ab", (first, second), strict=True):
        np.testing.assert_allclose(panel.image, pixels / 255, atol=1e-6)
        np.testing.assert_array_equal(panel.grid.upsample(panel.heat), desk.heat(key))
        assert panel.best == desk.session.shown_map(key).best
    assert [panel.prompts for panel in found] == [[(37, 120, "positive")], [(5, 60, "negative")]]
    assert (found[1].steps, found[1].unit) == ((2.0, 1.0), "µm")
    figure = session_figure(desk.session, ["b"], title="one", overlay=0.5)
    assert figure.get_supxlabel().strip() == "Patch embeddings by a@planted."


@pytest.mark.parametrize("label", ["positive", "root"])
@pytest.mark.parametrize(("more", "said"), [((), "match"), ((("b", 5, 60, (), "negative"),), "score")])
def test_titles_tell_the_best_in_the_words_of_the_list(desk, label, more, said):
    """With anything negative it is a score, and none of a cosine."""
    desk.add("a", colours(100, 150))
    desk.add("b", colours(60, 90))
    desk.prompt(("a", 37, 120, (), label), *more)
    desk.start()
    of_a, of_b = (f"best {said} {desk.session.shown_map(key).best:.2f}" for key in "ab")
    assert desk.session.state("a").text == f"ready · {of_a}"
    titles = [axis.get_title() for axis in session_figure(desk.session).axes[:4]]
    assert titles == ["image a", f"similarity · {of_a}", "image b", f"similarity · {of_b}"]
    assert session_figure(desk.session, ["b"], overlay=0.5).axes[0].get_title() == f"image b\n{of_b}"


def test_an_encoder_from_a_file_is_named_by_its_embeddings():
    encoder = MeanColourEncoder(planted_spec(16), identity="dinov2_vits14@0123")
    desk = Desk(slot=EncoderSlot(lambda _choice: encoder))
    desk.session.set_encoder(EncoderChoice("", weights="some.pth", centre=True))
    desk.add("a", colours(100, 150))
    desk.prompt(("a", 37, 120))
    desk.start()
    looks = {"a": MapLook("magma", (0.1, 0.5))}
    figure = session_figure(desk.session, map_looks=looks)
    assert figure.get_supxlabel() == "Patch embeddings by dinov2_vits14@0123-centred."
    assert figure.axes[1].images[0].get_clim() == (0.1, 0.5)
    desk.engine.shutdown()


def test_the_plane_on_screen_and_its_prompts(desk):
    stack = np.stack([colours(60, 90, seed) for seed in range(3)])
    desk.add("a", stack, plane=(1,))
    desk.prompt(("a", 37, 70, (1,)), ("a", 5, 60, (2,)))
    desk.start()
    (found,) = panels(desk.session)
    np.testing.assert_allclose(found.image, stack[1] / 255, atol=1e-6)
    assert found.prompts == [(37, 70, "positive")]
    desk.session.show_plane("a", (2,))
    (found,) = panels(desk.session)
    np.testing.assert_allclose(found.image, stack[2] / 255, atol=1e-6)
    assert found.prompts == [(5, 60, "positive")]


def test_one_class(desk):
    desk.add("a", colours(100, 150))
    desk.prompt(("a", 37, 120, (), "root"), ("a", 80, 10, (), "soil"))
    desk.start()
    for label in ("root", "soil", None):
        (found,) = panels(desk.session, None, label)
        np.testing.assert_array_equal(found.heat, desk.session.shown_map("a", label).values)
    assert "Class: soil" in session_figure(desk.session, label="soil").get_supxlabel()
    assert "The highest score of all classes." in session_figure(desk.session).get_supxlabel()


@pytest.mark.parametrize("scale", ["plane", "stack", "shared", "cosine"])
def test_stretched_as_the_session_does(desk, scale):
    desk.session.set_normalisation(scale)
    desk.add("a", colours(100, 150))
    desk.add("b", colours(60, 90))
    desk.prompt(("a", 37, 120))
    desk.start()
    assert FrozenFigure.of(desk.session).scale == scale
    for panel, key in zip(panels(desk.session), "ab", strict=True):
        np.testing.assert_allclose(panel.heat, desk.session.shown_map(key).values, atol=1e-6)


def test_frozen_is_frozen(desk):
    desk.add("a", colours(100, 150))
    desk.prompt(("a", 37, 120))
    desk.start()
    before, frozen = desk.session.shown_map("a").values, FrozenFigure.of(desk.session)
    desk.prompt(("a", 90, 10))
    panel = frozen.panels[0].make(lambda *_: None)
    np.testing.assert_array_equal(panel.heat, before)
    assert panel.prompts == [(37, 120, "positive")]


def test_progress_goes_over_all_images(desk):
    desk.add("a", colours(100, 150))
    desk.add("b", colours(60, 90))
    desk.prompt(("a", 37, 120))
    desk.start()
    seen = []
    FrozenFigure.of(desk.session).draw(lambda done, total: seen.append(done / total))
    assert seen == [0.5, 1.0]


def test_nothing_to_draw(desk):
    desk.add("a", colours(100, 150))
    with pytest.raises(FigureError, match="found no image with a map, expected at least one"):
        session_figure(desk.session)
    desk.prompt(("a", 37, 120))
    desk.start()
    with pytest.raises(FigureError, match="found no image with a map of 'soil'"):
        session_figure(desk.session, label="soil")
