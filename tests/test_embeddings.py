"""What can be asked of patch embeddings, against the seeds' formulas for two planted encoders."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dinosim import embed
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import EncoderMismatchError, OutsideImageError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.similarity import Query
from planted import MeanColourEncoder, planted_spec, seed_map
from projected import ProjectionEncoder, seed_display, seed_scores, tokens_of, unit

SIZES = [(100, 150, 16), (75, 61, 14), (64, 32, 16), (5, 90, 8), (1, 1, 16), (33, 7, 3)]


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([height, width, seed]).random((height, width, 3)).astype(np.float32)


def patchwork(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Cells of strong colours, so that mean colours differ by far more than float32 rounds."""
    cells = np.random.default_rng(seed).random((height // 9 + 1, width // 9 + 1, 3)) ** 3
    return np.kron(cells, np.ones((9, 9, 1)))[:height, :width].astype(np.float32)


@pytest.fixture(scope="module")
def wide() -> PatchEmbeddings:
    return embed(picture(100, 150), ProjectionEncoder())


# --- the seeds' formulas, from pixels to pixels


@pytest.mark.parametrize(("height", "width", "patch_size"), SIZES)
def test_vectors_follow_the_seed(height, width, patch_size):
    image = picture(height, width)
    found = embed(image, ProjectionEncoder(patch_size))
    assert found.grid == PatchGrid(height, width, patch_size)
    assert found.vectors.dtype == torch.float32
    np.testing.assert_allclose(found.vectors, unit(tokens_of(image, patch_size)), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 17), st.data())
def test_maps_follow_the_seed(height, width, patch_size, data):
    image, other = picture(height, width), picture(width + 3, height + 5, seed=1)
    places = st.tuples(st.integers(0, height - 1), st.integers(0, width - 1))
    clicks = data.draw(st.lists(places, min_size=1, max_size=3))
    encoder = ProjectionEncoder(patch_size)
    query = embed(image, encoder).query(clicks)
    for shown in (image, other):
        embeddings, scores = embed(shown, encoder), seed_scores(shown, image, patch_size, clicks).max(axis=0)
        np.testing.assert_allclose(embeddings.cosine(query), scores, atol=1e-5)
        if np.ptp(scores) > 0.1:  # a narrow range is stretched, and the rounding of float32 with it
            found = embeddings.similarity_map(query)
            np.testing.assert_allclose(found, seed_display(scores, shown.shape[:2], patch_size), atol=1e-5)


@pytest.mark.parametrize(("height", "width", "patch_size"), [(100, 150, 16), (75, 61, 14)])
def test_maps_of_mean_colours_follow_the_seed(height, width, patch_size):
    """The other planted encoder, with its own formulas; clicks in the middle and in the cut last row and column."""
    image, other = patchwork(height, width), patchwork(50, 80, seed=1)
    encoder = MeanColourEncoder(planted_spec(patch_size))
    clicks = [(height - 1, 20), (40, width - 1), (33, 17)]
    query = embed(image, encoder).query(clicks)
    for shown in (image, other):
        found = embed(shown, encoder).similarity_map(query)
        assert found.dtype == np.float32
        assert found.shape == shown.shape[:2]
        np.testing.assert_allclose(found, seed_map(shown, patch_size, clicks, image), atol=1e-5)


def test_the_mean_is_that_of_the_cosines(wide):
    clicks = [(5, 140), (80, 20), (99, 149)]
    each = seed_scores(picture(100, 150), picture(100, 150), 16, clicks)
    np.testing.assert_allclose(wide.cosine(wide.query(clicks, "mean")), each.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(wide.cosine(wide.query(clicks)), each.max(axis=0), atol=1e-5)


def test_the_clicked_patch_is_the_best_match_and_shown_as_one(wide):
    query = wide.query([(40, 120)])
    assert np.unravel_index(int(wide.cosine(query).argmax()), wide.grid.shape) == (2, 7)
    heat = wide.similarity_map(query)
    assert (heat[32:48, 112:128] == heat.max()).all()
    assert heat.max() == pytest.approx(1, abs=1e-6)
    assert heat.min() == 0


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_a_constant_image_has_a_map_without_nan(value):
    embeddings = embed(np.full((32, 48, 3), value, dtype=np.float32), MeanColourEncoder())
    assert (embeddings.similarity_map(embeddings.query([(3, 3)])) == 0).all()


# --- queries


def test_a_query_is_the_vectors_of_the_patches_under_the_points(wide):
    query = wide.query([(15.49, 15.51), (99, 149), (15.5, 0)], "mean")
    expected = torch.stack([wide.vectors[0, 1], wide.vectors[6, 9], wide.vectors[1, 0]])
    assert torch.equal(query.vectors, expected)
    assert (query.encoder, query.combine) == ("projection@1", "mean")


def test_a_query_owns_its_vectors(wide):
    query = wide.query([(3, 3)])
    query.vectors.zero_()
    assert float(wide.vectors[0, 0].norm()) == pytest.approx(1)


def test_a_query_is_float32_whatever_the_embeddings_are(wide):
    half = PatchEmbeddings(Mosaic.of(wide.vectors.half()), wide.grid, wide.encoder)
    query = half.query([(3, 40)])
    assert query.vectors.dtype == torch.float32
    assert query.vectors.device.type == "cpu"
    np.testing.assert_allclose(half.cosine(query), wide.cosine(wide.query([(3, 40)])), atol=2e-3)


def test_a_query_needs_a_point(wide):
    with pytest.raises(ValueError, match=r"no query: found no point, expected at least one \(row, col\)"):
        wide.query([])


def test_a_point_outside_is_refused(wide):
    with pytest.raises(OutsideImageError, match=r"\(120, 88\) lies outside the image of 100 × 150 pixels"):
        wide.query([(88, 120), (120, 88)])


def test_a_query_of_another_encoder_is_refused(wide):
    other = embed(picture(40, 40), ProjectionEncoder(identity="other@2"))
    with pytest.raises(EncoderMismatchError, match="query was made with 'other@2' but the image was embedded with 'p"):
        wide.cosine(other.query([(3, 3)]))
    with pytest.raises(EncoderMismatchError, match="Embed both with one encoder"):
        wide.similarity_map(Query(torch.zeros(1, 8), "projection@2"))


# --- what they are


@pytest.mark.parametrize("shape", [(10, 7, 3), (7, 9, 3)])
def test_vectors_must_fit_their_grid(shape):
    with pytest.raises(ValueError, match=r"found \(\d+, \d+\) vectors, expected \(7, 10\) for PatchGrid"):
        PatchEmbeddings(Mosaic.of(torch.zeros(shape)), PatchGrid(100, 150, 16), "e@1")


def test_they_tell_what_they_are(wide):
    assert repr(wide) == "<PatchEmbeddings 7 × 10 patches × 8 by projection@1>"
