"""Objects of a label image: means by independent numpy, whatever the patches, and the planted one first."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dinosim.analysis.label_sums import TILE
from napari_dinosim.analysis.likeness import rank_objects
from napari_dinosim.analysis.objects import ObjectMeasures, measure_objects
from napari_dinosim.embedding import embed
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import Cancelled, EncoderMismatchError, NotEmbeddedError, SelectionError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.states import SimilarityMap
from planted import MeanColourEncoder


def planted(grid: PatchGrid, seed: int = 0, known: tuple[int, int] | None = None) -> PatchEmbeddings:
    """Random unit vectors; with ``known`` only the first so many rows and columns are embedded."""
    rows, cols = grid.shape if known is None else known
    vectors = torch.randn(rows, cols, 5, generator=torch.Generator().manual_seed(seed))
    mosaic = Mosaic(*grid.shape)
    mosaic.add(0, 0, torch.nn.functional.normalize(vectors, dim=-1))
    return PatchEmbeddings(mosaic, grid, "e")


def blobs(shape: tuple[int, ...], dtype: str = "int32", seed: int = 0) -> np.ndarray:
    """Rectangles of all sizes, from a pixel, with values that are neither in order nor next to each other."""
    random, labels = np.random.default_rng(seed), np.zeros(shape, dtype=dtype)
    for value in random.permutation(100)[:25] + 2:
        size = random.integers(1, 40, 2)
        corner = random.integers(0, np.array(shape[-2:]))
        index = tuple(random.integers(0, n) for n in shape[:-2])
        labels[(*index, slice(corner[0], corner[0] + size[0]), slice(corner[1], corner[1] + size[1]))] = value
    return labels


def heat_of(found: PatchEmbeddings, seed: int = 3) -> SimilarityMap:
    query = torch.nn.functional.normalize(torch.randn(1, 5, generator=torch.Generator().manual_seed(seed)), dim=-1)
    scores = found.mosaic.scores(query)
    return SimilarityMap(scores, found.grid, 1.0)


def by_numpy(labels: np.ndarray, found: PatchEmbeddings, heat: SimilarityMap) -> dict:
    """Pixel by pixel, in float64."""
    grid, dense, scores = found.grid, found.vectors.double().numpy(), heat.scores.double().numpy()
    sums: dict[int, list] = {}
    for y, x in zip(*np.nonzero(labels), strict=True):
        row, col = grid.patch_at(float(y), float(x))
        if np.linalg.norm(dense[row, col]) > 0.5:
            sums.setdefault(int(labels[y, x]), []).append((dense[row, col], scores[row, col]))
    return sums


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", "uint64"])
@pytest.mark.parametrize(
    "grid", [PatchGrid(120, 170, 16), PatchGrid(120, 170, 16, sampled=(90, 133)), PatchGrid(120, 170, 14, finer=2)]
)
def test_means_equal_numpy(grid, dtype):
    found, labels = planted(grid), blobs((120, 170), dtype)
    heat = heat_of(found)
    measured = measure_objects(labels, found, heat)
    expected = by_numpy(labels, found, heat)
    assert measured.labels.dtype == dtype
    assert measured.labels.tolist() == sorted(expected)
    for i, label in enumerate(measured.labels.tolist()):
        vectors, scores = (np.array(part) for part in zip(*expected[label], strict=True))
        assert measured.pixels[i] == len(scores)
        np.testing.assert_allclose(measured.mean["similarity"][i], scores.mean(), atol=1e-6)
        np.testing.assert_allclose(measured.maximum["similarity"][i], scores.max(), atol=1e-6)
        mean = vectors.mean(axis=0)
        np.testing.assert_allclose(measured.vector(label), mean / np.linalg.norm(mean), atol=1e-5)


def test_an_object_smaller_than_a_patch_has_the_vector_of_its_patch():
    grid = PatchGrid(40, 70, 16)
    found = planted(grid)
    labels = np.zeros((40, 70), dtype=np.uint16)
    labels[20, 50] = 9
    measured = measure_objects(labels, found)
    np.testing.assert_allclose(measured.vector(9), found.vectors[1, 3], atol=1e-6)
    assert measured.pixels.tolist() == [1]
    assert not measured.mean


def test_only_what_is_embedded_counts():
    grid = PatchGrid(120, 170, 16)
    found, labels = planted(grid, known=(4, 6)), blobs((120, 170))
    heat = heat_of(found)
    measured, expected = measure_objects(labels, found, heat), by_numpy(labels, found, heat)
    assert measured.labels.tolist() == sorted(expected)
    assert 0 < len(expected) < len(np.unique(labels)) - 1
    np.testing.assert_array_equal(measured.pixels, [len(expected[label]) for label in sorted(expected)])
    assert not np.isnan(measured.mean["similarity"]).any()


class Watched:
    """A label image that notes what is read of it."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels, self.shape, self.dtype, self.ndim = labels, labels.shape, labels.dtype, labels.ndim
        self.read: list[int] = []

    def __getitem__(self, key):
        found = self.labels[key]
        self.read.append(found.size)
        return found


def test_a_large_label_image_is_read_in_pieces():
    grid = PatchGrid(700 * 4 - 1, 400 * 4 - 3, 4)  # of more than one block
    found, labels = planted(grid, known=(640, 390)), Watched(blobs((700 * 4 - 1, 400 * 4 - 3), seed=4))
    told = []
    measured = measure_objects(labels, found, heat_of(found), on_tile=lambda *done: told.append(done))
    assert max(labels.read) <= 256**2
    assert told[-1] == (len(labels.read), len(labels.read))
    seen = labels.labels[: 640 * 4, : 390 * 4]
    values, counts = np.unique(seen[seen > 0], return_counts=True)
    np.testing.assert_array_equal(measured.labels, values)
    np.testing.assert_array_equal(measured.pixels, counts)
    with pytest.raises(Cancelled, match="cancelled"):
        measure_objects(labels, found, cancelled=lambda: True)


def test_the_highest_score_may_lie_in_any_tile():
    """Objects reach over four tiles; the highest scores are planted in the second, the first and the last."""
    grid = PatchGrid(32, 4 * (3 * TILE + 10), 4)
    labels = np.zeros(grid.image_shape, dtype=np.int32)
    scores = torch.full(grid.shape, -0.5)
    for label, (row, col) in {5: (1, TILE + 7), 9: (3, 2), 2: (6, 3 * TILE + 4)}.items():
        labels[4 * row : 4 * row + 4] = label
        scores[row, ::TILE] = 0.1
        scores[row, col] = 0.8
    measured = measure_objects(labels, planted(grid), SimilarityMap(scores, grid, 1.0))
    assert measured.labels.tolist() == [2, 5, 9]
    np.testing.assert_allclose(measured.maximum["similarity"], 0.8)


def test_an_object_of_several_planes_is_one():
    grid = PatchGrid(50, 70, 16)
    planes = {(0,): planted(grid, 0), (2,): planted(grid, 1)}
    labels = np.zeros((3, 50, 70), dtype=np.int32)
    labels[0, 3:20, 30:60] = labels[2, 30:41, 5:8] = 4
    labels[1, 0, 0] = 5  # its plane is not embedded
    heats = {plane: heat_of(found) for plane, found in planes.items()}
    measured = measure_objects(labels, planes.get, heats.get, planes=[(0,), (1,), (2,)])
    assert measured.labels.tolist() == [4]
    both = [by_numpy(labels[plane], found, heats[plane])[4] for plane, found in planes.items()]
    scores = np.array([score for part in both for _, score in part])
    np.testing.assert_allclose(measured.mean["similarity"], scores.mean(), atol=1e-6)
    mean = np.mean([vector for part in both for vector, _ in part], axis=0)
    np.testing.assert_allclose(measured.vector(4), mean / np.linalg.norm(mean), atol=1e-5)


def test_the_object_with_the_planted_texture_is_first():
    image = np.full((96, 144, 3), (10, 10, 120), dtype=np.uint8)
    labels = np.zeros((96, 144), dtype=np.uint8)
    places = {11: (20, 90, (200, 20, 20)), 3: (60, 20, (90, 200, 30)), 7: (58, 100, (210, 40, 30))}
    for label, (y, x, colour) in places.items():
        image[y - 14 : y + 14, x - 14 : x + 14] = colour
        labels[y - 12 : y + 12, x - 12 : x + 12] = label
    found = measure_objects(labels, embed(image, MeanColourEncoder()))
    other = np.zeros_like(labels)
    other[58:64, 90:96] = 1  # the same texture as object 7, in another label image
    measured = {"a": found, "b": measure_objects(other, embed(image, MeanColourEncoder()))}
    ranked = rank_objects(measured, ("a", 7))
    assert [(one.source, one.label, one.rank) for one in ranked[:3]] == [("a", 7, 1), ("b", 1, 2), ("a", 11, 3)]
    assert ranked[-1].label == 3
    cosine = float(found.vector(11) @ found.vector(7))
    assert ranked[2].score == pytest.approx(cosine, abs=1e-6)
    assert [one.label for one in rank_objects(measured, ("a", 7), threshold=cosine - 1e-4)] == [7, 1, 11]


def test_an_object_is_first_and_wholly_like_itself_whatever_the_roundings():
    vectors = np.array([[0.6, 0.8], [0.6, 0.8], [1, 0]], dtype=np.float32) * np.float32(1 - 1e-6)
    found = ObjectMeasures(np.array([2, 5, 9]), np.ones(3, dtype=int), {}, {}, vectors, "e")
    ranked = rank_objects({"a": found, "b": found}, ("b", 5))
    assert [(one.source, one.label) for one in ranked[:4]] == [("b", 5), ("a", 2), ("a", 5), ("b", 2)]
    assert ranked[0].score == 1
    assert [one.rank for one in ranked] == [1, 2, 3, 4, 5, 6]
    assert [one.source for one in rank_objects({"a": found, "b": found}, ("b", 5), threshold=1)] == ["b"]


def test_errors_say_what_is_wrong():
    grid = PatchGrid(50, 70, 16)
    found = planted(grid)
    labels = np.zeros((50, 70), dtype=np.uint8)
    with pytest.raises(SelectionError, match=r"found background only where the image is embedded"):
        measure_objects(labels, found)
    labels[3, 4] = 1
    with pytest.raises(SelectionError, match=r"found values of type float64, expected integers"):
        measure_objects(labels.astype(float), found)
    for shape in [(50, 71), (2, 50, 70)]:
        with pytest.raises(
            SelectionError, match=rf"found a shape of {shape[0]} × .* not of the image's 50 × 70 pixels"
        ):
            measure_objects(np.ones(shape, dtype=np.uint8), found)
    with pytest.raises(SelectionError, match=r"found a shape of 2 × 50 × 70, .* 50 × 70 pixels at plane 2"):
        measure_objects(np.ones((2, 50, 70), dtype=np.uint8), found, planes=[(2,)])
    with pytest.raises(NotEmbeddedError, match="found no embedded plane"):
        measure_objects(labels, lambda _plane: None)
    other = PatchEmbeddings(found.mosaic, grid, "f")
    with pytest.raises(EncoderMismatchError, match="the planes were embedded with 'e' and 'f'"):
        measure_objects(np.stack([labels] * 2), {(0,): found, (1,): other}.get, planes=[(0,), (1,)])
    measured = {"a": measure_objects(labels, found), "b": measure_objects(labels, other)}
    with pytest.raises(EncoderMismatchError, match="'a' was measured with 'e', 'b' with 'f'"):
        rank_objects(measured, ("a", 1))
    with pytest.raises(SelectionError, match=r"object 5: found no such object that was measured, expected one of 1"):
        rank_objects(measured, ("a", 5))
    with pytest.raises(SelectionError, match=r"its label image 'c' was not measured"):
        rank_objects(measured, ("c", 1))
