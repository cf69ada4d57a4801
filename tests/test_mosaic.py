"""Vectors in blocks are the same vectors, and blocks that nothing was written to take no memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dinosim import mosaic
from napari_dinosim.errors import NotEmbeddedError
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.similarity import cosine_scores, unit_vectors

SHAPE, DIMENSION = (13, 22), 5


@pytest.fixture(params=["one block", "blocks"])
def cut(request, monkeypatch):
    """Small grids are cut too; blocks of 6 patches meet neither edge."""
    if request.param == "blocks":
        monkeypatch.setattr(mosaic, "ONE_BLOCK", 1)
        monkeypatch.setattr(mosaic, "SIDE", 6)
    return request.param


def vectors(seed=0, shape=SHAPE) -> torch.Tensor:
    return unit_vectors(torch.from_numpy(np.random.default_rng(seed).standard_normal((*shape, DIMENSION))))


def cosines(found: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    return cosine_scores(found, query)


def test_what_is_written_whole_is_read(cut):
    made = Mosaic(*SHAPE)
    assert not made.complete
    made.add(0, 0, vectors())
    assert made.complete
    torch.testing.assert_close(made.dense(), vectors(), atol=1e-6, rtol=0)
    torch.testing.assert_close(made.at([(12, 3), (0, 21)]), vectors()[[12, 0], [3, 21]], atol=1e-6, rtol=0)
    query = vectors(1)[2, :3]
    torch.testing.assert_close(made.scores(query), cosines(vectors(), query), atol=1e-6, rtol=0)
    torch.testing.assert_close(made.mean(), vectors().mean(dim=(0, 1)), atol=1e-6, rtol=0)


def test_the_only_rectangle_is_not_copied():
    whole, made = vectors(), Mosaic(*SHAPE)
    made.add(0, 0, whole)
    assert made.dense() is whole


def test_where_rectangles_overlap_they_are_blended_by_weight(cut):
    first, second = vectors(0, (9, 22)), vectors(1, (8, 22))
    weights = torch.rand(9, 22) + 0.1, torch.rand(8, 22) + 0.1
    made = Mosaic(*SHAPE)
    made.add(0, 0, first, weights[0])
    made.add(5, 0, second, weights[1])
    total = torch.zeros(*SHAPE, DIMENSION)
    total[:9] += weights[0][..., None] * first
    total[5:] += weights[1][..., None] * second
    assert made.complete
    torch.testing.assert_close(made.dense(), unit_vectors(total), atol=1e-6, rtol=0)


def test_the_order_of_writing_does_not_matter(cut):
    parts = [(0, 0, vectors(0, (8, 12))), (5, 7, vectors(1, (8, 15))), (0, 10, vectors(2, (13, 12)))]
    results = []
    for order in (parts, parts[::-1]):
        made = Mosaic(*SHAPE)
        for row, col, part in order:
            made.add(row, col, part, torch.full(part.shape[:2], 0.5))
        results.append(made.dense())
    torch.testing.assert_close(*results, atol=1e-6, rtol=0)


def test_what_is_not_written_is_unknown(cut):
    made = Mosaic(*SHAPE)
    made.add(2, 3, vectors(0, (4, 5)), torch.ones(4, 5))
    known = torch.zeros(SHAPE, dtype=torch.bool)
    known[2:6, 3:8] = True
    assert not made.complete
    assert torch.equal(~made.scores(vectors(1)[0, :1]).isnan(), known)
    torch.testing.assert_close(made.mean(), vectors(0, (4, 5)).mean(dim=(0, 1)), atol=1e-6, rtol=0)
    with pytest.raises(NotEmbeddedError, match=r"patch \(0, 3\): found it not embedded, expected an embedded one"):
        made.at([(2, 3), (0, 3)])


def test_a_zero_vector_is_known(cut):
    made = Mosaic(*SHAPE)
    made.add(0, 0, torch.zeros(*SHAPE, DIMENSION), torch.ones(SHAPE))
    assert made.complete
    assert torch.equal(made.scores(vectors()[0, :1]), torch.zeros(SHAPE))


def test_only_blocks_that_were_written_to_take_memory(monkeypatch):
    monkeypatch.setattr(mosaic, "ONE_BLOCK", 1)
    monkeypatch.setattr(mosaic, "SIDE", 4)
    made = Mosaic(1000, 2000)
    made.add(500, 1000, vectors(0, (4, 4)), torch.ones(4, 4))
    assert made.nbytes == 4 * 4 * DIMENSION * 4
    made.add(502, 1000, vectors(0, (4, 4)), torch.ones(4, 4))
    assert made.nbytes == 2 * 4 * 4 * DIMENSION * 4


def test_very_many_are_kept_in_half_precision(monkeypatch, cut):
    monkeypatch.setattr(mosaic, "HALF_ABOVE", 13 * 22 * DIMENSION * 4 - 1)
    made = Mosaic(*SHAPE)
    for row, count in ((0, 8), (4, 9)):
        made.add(row, 0, vectors()[row : row + count], torch.ones(count, 22))
    assert made.dense().dtype == torch.float16
    query = vectors(1)[2, :3]
    torch.testing.assert_close(made.scores(query), cosines(vectors(), query), atol=1e-3, rtol=0)
    monkeypatch.setattr(mosaic, "HALF_ABOVE", 13 * 22 * DIMENSION * 4)
    assert Mosaic(*SHAPE)._make(0, 0, DIMENSION).vectors.dtype == torch.float32


def test_a_changed_mosaic_knows_what_the_other_knew(cut):
    made = Mosaic(*SHAPE)
    made.add(2, 3, vectors(0, (4, 5)), torch.ones(4, 5))
    turned = made.mapped(lambda block: -block)
    assert torch.equal(made.mapped(lambda block: block + 1).dense() == 0, made.dense() == 0)
    query = vectors(1)[0, :1]
    torch.testing.assert_close(turned.scores(query), -made.scores(query), equal_nan=True)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5, 1)])
def test_vectors_have_three_axes(shape):
    with pytest.raises(ValueError, match=r"vectors: found shape .*, expected \(rows, cols, D\)"):
        Mosaic.of(torch.zeros(shape))
