"""Clusters of patches: planted kinds are found exactly, with one numbering over all images."""

import numpy as np
import pytest
import torch

from napari_dinosim.analysis import clusters as module
from napari_dinosim.analysis.clusters import cluster_patches, palette
from napari_dinosim.analysis.patches import pixels_of
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import Cancelled, EncoderMismatchError, FeaturesError, NotEmbeddedError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.similarity import unit_vectors
from vectors import embedded, half_written

KINDS = np.eye(6)[[0, 2, 5]]
METHODS = ["k-means", "agglomerative"]


def planted(kinds: np.ndarray, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    return KINDS[kinds] + np.random.default_rng(seed).normal(scale=noise, size=(*kinds.shape, 6))


@pytest.fixture
def two_images() -> list[np.ndarray]:
    """Kinds of patches: 0 is the rarest, 2 the most frequent."""
    first, second = np.full((6, 9), 2), np.full((4, 5), 1)
    first[1:3, 2:4], first[4:, 5:] = 0, 1
    return [first, second]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_planted_kinds_are_found_with_one_numbering(two_images, method, dtype):
    found = cluster_patches([embedded(planted(kinds), dtype=dtype) for kinds in two_images], 3, method)
    for labels, kinds in zip(found.labels, two_images, strict=True):
        np.testing.assert_array_equal(labels, np.array([3, 2, 1])[kinds])  # the largest is the first
        assert labels.dtype == np.uint8
    patches = np.bincount(np.concatenate([kinds.ravel() for kinds in two_images]))[::-1]
    assert found.pixels == tuple(int(count) * 16 for count in patches)
    np.testing.assert_allclose(found.shares, patches / 74)
    assert (found.count, found.method) == (3, method)


def test_each_patch_gets_the_nearest_mean_whatever_its_length(monkeypatch):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 17, 6))
    units = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    means = random.normal(size=(3, 6))
    means *= np.array([[0.1], [0.5], [1.0]]) / np.linalg.norm(means, axis=1, keepdims=True)
    monkeypatch.setattr(module, "k_means", lambda *_args: means.astype(np.float32))
    (labels,) = cluster_patches([embedded(vectors)], 3).labels
    nearest = np.linalg.norm(units[..., None, :] - means, axis=-1).argmin(axis=-1)
    assert (np.bincount(nearest.ravel()) > 10).all()
    number = {mean: rank for rank, mean in enumerate(np.argsort(-np.bincount(nearest.ravel())), 1)}
    np.testing.assert_array_equal(labels, np.vectorize(number.get)(nearest))


@pytest.mark.parametrize("method", METHODS)
def test_many_patches_go_by_batches_and_pieces(two_images, method, monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 100)
    monkeypatch.setattr(module, "PIECES", 100)
    monkeypatch.setattr(module, "MERGED", 20)
    monkeypatch.setattr(module, "BATCH", 64)
    large = [np.kron(kinds, np.ones((5, 5), int)) for kinds in two_images]
    images = [embedded(planted(kinds)) for kinds in large]
    found = cluster_patches(images, 3, method)
    for labels, kinds in zip(found.labels, large, strict=True):
        np.testing.assert_array_equal(labels, np.array([3, 2, 1])[kinds])
    again = cluster_patches(images, 3, method)
    np.testing.assert_array_equal(found.labels[0], again.labels[0])


def test_a_small_thing_that_differs_keeps_a_cluster_of_its_own_by_agglomeration():
    vectors = planted(np.arange(600).reshape(20, 30) % 2, noise=0.3)
    vectors[7, 11] = (-1, 0, -1, 0, 0, 0)
    labels = cluster_patches([embedded(vectors)], 3, "agglomerative").labels[0]
    assert (labels == labels[7, 11]).sum() == 1


def test_area_counts_pixels_not_patches():
    grid = PatchGrid(10, 13, 4)  # the last row of patches is 2 pixels high, the last column 1 wide
    vectors = np.zeros((3, 4, 6))
    vectors[..., 0], vectors[2], vectors[2, :, 3] = 1, 0, 1
    found = cluster_patches([PatchEmbeddings(Mosaic.of(unit_vectors(torch.from_numpy(vectors))), grid, "planted")], 2)
    assert found.pixels == (8 * 13, 2 * 13)
    assert pixels_of(grid).tolist() == [[16, 16, 16, 4], [16, 16, 16, 4], [8, 8, 8, 2]]


@pytest.mark.parametrize("grid", [PatchGrid(37, 50, 16, sampled=(21, 90)), PatchGrid(37, 50, 7, finer=3)])
def test_pixels_of_resized_and_finer_grids_sum_to_the_image(grid):
    counted = pixels_of(grid)
    numbers = np.arange(counted.size, dtype=np.float32).reshape(grid.shape)
    np.testing.assert_array_equal(
        counted.ravel(), np.bincount(grid.upsample(numbers).astype(int).ravel(), minlength=counted.size)
    )


@pytest.mark.parametrize("method", METHODS)
def test_patches_that_are_not_embedded_are_left_out(method):
    vectors = planted(np.arange(70).reshape(7, 10) % 3)
    labels = cluster_patches([half_written(7, 10, vectors, 4)], 3, method).labels[0]
    assert not labels[:, 4:].any()
    np.testing.assert_array_equal(labels[:, :4] == labels[0, 0], (np.arange(70).reshape(7, 10) % 3 == 0)[:, :4])


@pytest.mark.parametrize("method", METHODS)
def test_fewer_kinds_than_clusters(method):
    found = cluster_patches([embedded(planted(np.arange(20).reshape(4, 5) % 2, noise=0))], 5, method)
    assert found.count == 2
    assert sum(found.shares) == pytest.approx(1)


def test_more_clusters_than_patches():
    with pytest.raises(FeaturesError, match="8 clusters: found 6 embedded patches, expected at least 8"):
        cluster_patches([embedded(planted(np.zeros((2, 3), int)))], 8)


@pytest.mark.parametrize("count", [1, 256])
def test_a_number_that_makes_no_sense(count):
    with pytest.raises(FeaturesError, match=f"found {count}, expected a whole number from 2 to 255"):
        cluster_patches([embedded(planted(np.zeros((2, 3), int)))], count)


def test_a_method_that_is_none():
    with pytest.raises(FeaturesError, match="found 'dbscan', expected 'k-means' or"):
        cluster_patches([embedded(planted(np.zeros((2, 3), int)))], 2, "dbscan")


def test_nothing_embedded_and_mixed_encoders():
    with pytest.raises(NotEmbeddedError, match="found no embedded patch"):
        cluster_patches([], 2)
    with pytest.raises(EncoderMismatchError, match="'a' and 'b'"):
        cluster_patches([embedded(planted(np.zeros((2, 3), int)), name) for name in "ab"], 2)


@pytest.mark.parametrize("method", METHODS)
def test_it_stops_when_asked_even_within_the_fit(method, monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 10)
    monkeypatch.setattr(module, "PIECES", 10)
    monkeypatch.setattr(module, "MERGED", 5)
    asked = []
    with pytest.raises(Cancelled):
        cluster_patches(
            [embedded(planted(np.arange(40).reshape(4, 10) % 3))], 3, method,
            cancelled=lambda: len(asked) > 1 or asked.append(0),
        )  # fmt: skip
    assert len(asked) == 2


def test_colours_differ():
    assert len(set(palette(60))) == 60
    assert palette(2) == palette(60)[:2]
