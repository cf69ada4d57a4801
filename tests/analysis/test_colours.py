"""Principal components as colours: one basis, planted colours, and the same as numpy finds."""

import numpy as np
import pytest
import torch

from napari_dinosim.analysis import patches as patches_module
from napari_dinosim.analysis.colours import pca_colours
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import Cancelled, EncoderMismatchError, FeaturesError, NotEmbeddedError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from vectors import embedded, half_written


def random_image(rows: int, cols: int, seed: int, dimension: int = 12) -> np.ndarray:
    spread = np.linspace(3, 0.2, dimension)
    return np.random.default_rng(seed).normal(size=(rows, cols, dimension)) * spread + 1


A, B = np.array([1.0, 0, 0, 0, 0]), np.array([0.0, 0, 1, 0, 0])


def two_kinds(mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], A, B)


def test_two_kinds_of_patches_have_the_same_two_colours_in_both_images():
    first, second = np.zeros((5, 8), bool), np.zeros((7, 3), bool)
    first[:, 3:], second[2:4, 1] = True, True
    found = pca_colours([embedded(two_kinds(first)), embedded(two_kinds(second))])
    assert [colours.shape for colours in found.colours] == [(5, 8, 3), (7, 3, 3)]
    kind = {True: found.colours[0][0, 5], False: found.colours[0][0, 0]}
    for mask, colours in zip((first, second), found.colours, strict=True):
        for row, col in np.ndindex(mask.shape):
            np.testing.assert_allclose(colours[row, col], kind[mask[row, col]], atol=1e-6)
    assert abs(kind[True][0] - kind[False][0]) == pytest.approx(1)
    np.testing.assert_allclose(kind[True][1:], 0.5)  # nothing varies along the others
    np.testing.assert_allclose(found.explained, (1, 0, 0), atol=1e-6)


def test_it_is_what_an_independent_decomposition_finds():
    images = [random_image(9, 14, 0), random_image(11, 6, 1)]
    found = pca_colours([embedded(image) for image in images])
    units = [image / np.linalg.norm(image, axis=-1, keepdims=True) for image in images]
    together = np.concatenate([one.reshape(-1, 12) for one in units])
    _, singular, directions = np.linalg.svd(together - together.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.explained, (singular**2 / (singular**2).sum())[:3], rtol=1e-3)
    for channel, direction in enumerate(directions[:3]):
        direction = direction * np.sign(direction[np.abs(direction).argmax()])  # the rule that fixes the sign
        low, high = np.percentile((together - together.mean(axis=0)) @ direction, (1, 99))
        for one, colours in zip(units, found.colours, strict=True):
            expected = ((one - together.mean(axis=0)) @ direction - low) / (high - low)
            np.testing.assert_allclose(colours[..., channel], expected.clip(0, 1), atol=2e-3)


def test_a_sample_of_many_patches_gives_nearly_the_same_colours(monkeypatch):
    images = [embedded(random_image(60, 50, seed)) for seed in range(2)]
    whole = pca_colours(images)
    monkeypatch.setattr(patches_module, "SAMPLE_NUMBERS", 2000 * 12)
    sampled = pca_colours(images)
    again = pca_colours(images)
    assert np.abs(sampled.colours[1] - whole.colours[1]).mean() < 0.05
    assert not np.array_equal(sampled.colours[1], whole.colours[1])
    np.testing.assert_array_equal(sampled.colours[1], again.colours[1])


def test_half_precision_gives_the_same_colours():
    images = [random_image(9, 14, 0), random_image(11, 6, 1)]
    full = pca_colours([embedded(image) for image in images])
    half = pca_colours([embedded(image, dtype=torch.float16) for image in images])
    for one, other in zip(full.colours, half.colours, strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)


@pytest.mark.parametrize("one_block", [True, False])
def test_patches_that_are_not_embedded_are_left_out(monkeypatch, one_block):
    if not one_block:
        monkeypatch.setattr("napari_dinosim.mosaic.ONE_BLOCK", 4)
        monkeypatch.setattr("napari_dinosim.mosaic.SIDE", 3)
    vectors = random_image(7, 10, 0)
    part, whole = half_written(7, 10, vectors, 4), embedded(vectors[:, :4].copy())
    found = pca_colours([part]).colours[0]
    assert np.isnan(found[:, 4:]).all()
    np.testing.assert_allclose(found[:, :4], pca_colours([whole]).colours[0], atol=1e-5)


def test_patches_that_are_all_alike_are_grey():
    found = pca_colours([embedded(np.ones((4, 5, 6)))])
    np.testing.assert_array_equal(found.colours[0], 0.5)
    assert found.explained == (0, 0, 0)


def test_fewer_patches_than_it_needs():
    with pytest.raises(FeaturesError, match=r"principal components: found 3 embedded patches, expected at least 4"):
        pca_colours([embedded(random_image(1, 3, 0))])
    with pytest.raises(FeaturesError, match=r"found 1 embedded patch, expected"):
        pca_colours([embedded(random_image(1, 1, 0))])


def test_nothing_is_embedded():
    with pytest.raises(NotEmbeddedError, match="found no embedded patch, expected some"):
        pca_colours([])
    with pytest.raises(NotEmbeddedError, match="Embed an image first"):
        pca_colours([PatchEmbeddings(Mosaic(3, 4), PatchGrid(12, 16, 4), "planted")])


def test_encoders_are_not_mixed():
    with pytest.raises(EncoderMismatchError, match="embedded with 'a' and 'b'"):
        pca_colours([embedded(random_image(3, 4, 0), name) for name in "ba"])


def test_it_tells_how_far_it_is_and_stops_when_asked():
    images = [embedded(random_image(6, 5, seed)) for seed in range(3)]
    told = []
    pca_colours(images, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(30 * i, 180) for i in range(1, 7)]
    with pytest.raises(Cancelled, match="nothing was made"):
        pca_colours(images, cancelled=lambda: True)
    after_two = iter([False, False, True])
    with pytest.raises(Cancelled):
        pca_colours(images, cancelled=lambda: next(after_two))
