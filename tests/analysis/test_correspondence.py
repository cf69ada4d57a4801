"""Which place of one image is which of another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dinosim.analysis.correspondence import correspond
from napari_dinosim.analysis.nearest import nearest_patches
from napari_dinosim.embedding import embed
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import EncoderMismatchError, NotEmbeddedError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import ONE_BLOCK, Mosaic
from planted import MeanColourEncoder


def patches(rows: int, cols: int, seed: int) -> np.ndarray:
    """An image of patches of one strong colour each, (rows, cols, 3)."""
    return (np.random.default_rng(seed).random((rows, cols, 3)) ** 2 * 255).astype(np.uint8)


def test_each_point_finds_its_colour_again():
    colours = patches(5, 8, 1)
    first, second = colours.repeat(16, 0).repeat(16, 1), colours[::-1, ::-1].repeat(16, 0).repeat(16, 1)
    encoder = MeanColourEncoder()
    points = [(20, 70), (70, 3)]
    found = correspond(embed(first, encoder), embed(second, encoder), points)
    assert [(one.y, one.x) for one in found] == [(23.5, 71.5), (71.5, 7.5)]
    assert [(one.found_y, one.found_x) for one in found] == [(79 - 23.5, 127 - 71.5), (79 - 71.5, 127 - 7.5)]
    assert all(one.mutual for one in found)
    np.testing.assert_allclose([one.score for one in found], 1, atol=1e-6)


def test_what_is_not_in_the_other_image_is_not_mutual():
    first, second = (np.full((rows, cols, 3), (5, 5, 200), dtype=np.uint8) for rows, cols in ((5, 8), (4, 6)))
    first[0, 0], first[2, 5] = (255, 0, 0), (220, 60, 0)
    second[3, 5] = (230, 55, 0)  # more like the other place of the first image
    encoder = MeanColourEncoder()
    found = correspond(
        embed(first.repeat(16, 0).repeat(16, 1), encoder), embed(second.repeat(16, 0).repeat(16, 1), encoder), [(8, 8)]
    )
    assert (found[0].found_y, found[0].found_x, found[0].mutual) == (55.5, 87.5, False)


@pytest.mark.parametrize(
    ("back", "beside", "mutual"),
    [
        ((2, 6), 1, False),  # of the same row, four columns on
        ((4, 2), 1, False),  # of the same column, two rows down
        ((3, 1), 1, True),
        ((3, 4), 1, False),
        ((3, 4), 2, True),
        ((3, 2), 0, False),
    ],
)
def test_the_way_back_must_end_beside_the_point_along_both_axes(back, beside, mutual):
    first, second = (np.full((rows, cols, 3), (5, 5, 200), dtype=np.uint8) for rows, cols in ((5, 8), (4, 6)))
    first[2, 2], first[back] = (255, 0, 0), (220, 60, 0)
    second[3, 5] = (230, 55, 0)  # more like the other place of the first image
    planes = [embed(image.repeat(16, 0).repeat(16, 1), MeanColourEncoder()) for image in (first, second)]
    (found,) = correspond(*planes, [(40, 40)], beside=beside)
    assert (found.found_y, found.found_x, found.mutual) == (55.5, 87.5, mutual)


def test_nearest_equals_numpy_over_many_blocks():
    rows, cols = 700, 400
    assert rows * cols > ONE_BLOCK
    generator = torch.Generator().manual_seed(0)
    dense = torch.nn.functional.normalize(torch.randn(300, 200, 4, generator=generator), dim=-1)
    mosaic = Mosaic(rows, cols)
    mosaic.add(250, 130, dense)  # the rest is not embedded
    found = PatchEmbeddings(mosaic, PatchGrid(rows * 4, cols * 4, 4), "e")
    vectors = torch.nn.functional.normalize(torch.randn(5, 4, generator=generator), dim=-1)
    shares: list[float] = []
    nearest = nearest_patches(found, vectors, "e", shares.append)
    cosines = dense.reshape(-1, 4).numpy().astype(np.float64) @ vectors.numpy().T.astype(np.float64)
    best = cosines.argmax(axis=0)
    np.testing.assert_array_equal(nearest.rows, 250 + best // 200)
    np.testing.assert_array_equal(nearest.cols, 130 + best % 200)
    np.testing.assert_allclose(nearest.scores, cosines.max(axis=0), atol=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_errors_say_what_is_wrong():
    plane = PatchEmbeddings(Mosaic.of(torch.ones(1, 2, 4) / 2), PatchGrid(16, 32, 16), "e")
    other = PatchEmbeddings(Mosaic.of(torch.ones(1, 2, 4) / 2), PatchGrid(16, 32, 16), "f")
    nothing = PatchEmbeddings(Mosaic(1, 2), PatchGrid(16, 32, 16), "e")
    with pytest.raises(EncoderMismatchError, match=r"made with 'e' but the image was embedded with 'f'"):
        correspond(plane, other, [(1, 1)])
    with pytest.raises(NotEmbeddedError, match="found nothing embedded of the second image"):
        correspond(plane, nothing, [(1, 1)])
