"""Large images, window by window: the same answer as in one pass, and no seam."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dinosim import embed, tiling
from napari_dinosim.errors import Cancelled
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.tiling import HALO, ONE_PASS, encode_plane, plan_windows
from planted import MeanColourEncoder, planted_spec
from projected import ProjectionEncoder

MEGABYTE = 1_000_000
LARGE = (1300, 1801)
"""Height and width that take six windows at P = 16, none of them multiples of it."""

large_grids = st.builds(PatchGrid, st.integers(1, 6000), st.integers(1025, 6000), st.sampled_from([8, 14, 16, 32, 64]))


def picture(height: int, width: int) -> np.ndarray:
    cells = np.random.default_rng(5).integers(0, 255, (height // 24 + 1, width // 24 + 1, 3), dtype=np.uint8)
    return np.kron(cells, np.ones((24, 24, 1), dtype=np.uint8))[:height, :width]


def in_one_pass(image: np.ndarray, encoder, monkeypatch) -> torch.Tensor:
    with monkeypatch.context() as patch:
        patch.setattr(tiling, "ONE_PASS", max(image.shape))
        return embed(image, encoder).vectors


# --- windows


@pytest.mark.parametrize("shape", [(1024, 1024), (1, 1), (16, 1024), (1023, 7)])
def test_up_to_1024_pixels_a_side_is_one_pass(shape):
    assert ONE_PASS == 1024
    encoder = ProjectionEncoder(14)
    embed(np.ones(shape, dtype=np.uint8), encoder)
    grid = PatchGrid(*shape, 14)
    assert encoder.shapes == [(1, *grid.padded_shape, 3)]


@pytest.mark.parametrize("shape", [(1025, 1024), (16, 1025), (1025, 1)])
def test_one_pixel_more_is_cut(shape):
    encoder = ProjectionEncoder()
    embed(np.ones(shape, dtype=np.uint8), encoder)
    assert len(encoder.shapes) > 1


@given(large_grids)
def test_windows_cover_the_grid_alike_and_overlap(grid):
    windows = plan_windows(grid)
    covered = np.zeros(grid.shape, dtype=int)
    for window in windows:
        assert window.row >= 0
        assert window.col >= 0
        covered[window.row : window.row + window.rows, window.col : window.col + window.cols] += 1
    assert covered.min() >= 1
    assert len({(window.rows, window.cols) for window in windows}) == 1
    side = max(768 // grid.patch_size, 4 * HALO)
    for length, starts, extent in (
        (grid.rows, sorted({window.row for window in windows}), windows[0].rows),
        (grid.cols, sorted({window.col for window in windows}), windows[0].cols),
    ):
        assert extent == min(side, length)
        assert starts[0] == 0
        assert starts[-1] + extent == length
        assert all(before + extent - after >= 2 * HALO for before, after in pairwise(starts))


def test_the_overlap_is_at_least_eight_patches():
    assert 2 * HALO >= 8


# --- the same answer


@pytest.mark.parametrize("patch_size", [14, 16])
def test_windows_give_what_one_pass_gives(patch_size, monkeypatch):
    image, encoder = picture(*LARGE), MeanColourEncoder(planted_spec(patch_size))
    tiled = embed(image, encoder).vectors
    assert encoder.calls > 1
    assert tiled.dtype == torch.float32
    np.testing.assert_allclose(tiled, in_one_pass(image, encoder, monkeypatch), atol=1e-5)


def test_every_window_is_black_beyond_the_image(monkeypatch):
    """With a token that normalisation makes of black: darker padding would show in the last row and column."""
    image = picture(1300, 90)
    np.testing.assert_allclose(
        embed(image, ProjectionEncoder()).vectors, in_one_pass(image, ProjectionEncoder(), monkeypatch), atol=1e-5
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1025, 3000), st.integers(8, 40))
def test_blended_vectors_have_unit_length(height, width, patch_size):
    vectors = embed(np.full((height, width, 3), 200, dtype=np.uint8), MeanColourEncoder(planted_spec(patch_size)))
    np.testing.assert_allclose(vectors.vectors.norm(dim=-1), 1, atol=1e-6)


def test_batches_change_nothing():
    image = picture(*LARGE)
    single, several = ProjectionEncoder(), ProjectionEncoder(windows_per_batch=4)
    np.testing.assert_allclose(embed(image, single).vectors, embed(image, several).vectors, atol=1e-6)
    assert {shape[0] for shape in single.shapes} == {1}
    assert [shape[0] for shape in several.shapes] == [4, len(single.shapes) - 4]


# --- no seam


@dataclass(eq=False)
class RimEncoder(MeanColourEncoder):
    """Adds what a transformer does badly: tokens near the rim of a window, which lack context, are others."""

    spec: object = field(default_factory=lambda: planted_spec(16, "rim", 4))

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        _, rows, cols, _ = tokens.shape
        down, across = (torch.minimum(torch.arange(n), torch.arange(n).flip(0)) for n in (rows, cols))
        rim = torch.exp(-torch.minimum(down[:, None], across[None, :]).float()).expand(len(tokens), -1, -1)
        return torch.cat([tokens, rim[..., None]], dim=-1)


def test_no_seam_shows_where_windows_meet():
    grey = np.full((1500, 2100, 3), 128, dtype=np.uint8)
    found = embed(grey, RimEncoder())
    inside = slice(HALO, -HALO)  # the image's own rim is no seam
    scores = found.cosine(found.query([(750, 400)])).numpy()[inside, inside]
    steps = max(np.abs(np.diff(scores, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.01  # cut hard, without weights, it is above 0.2
    assert scores.min() > 0.98


# --- progress, cancelling, what is found


def test_progress_counts_windows():
    told, encoder = [], ProjectionEncoder(windows_per_batch=4)
    embed(picture(*LARGE), encoder, on_progress=lambda done, total: told.append((done, total)))
    total = len(plan_windows(PatchGrid(*LARGE, 16)))
    assert told == [(4, total), (total, total)]


def test_cancelling_takes_effect_between_windows():
    encoder = MeanColourEncoder()
    with pytest.raises(Cancelled, match="Embedding was cancelled; press Start to go on"):
        embed(picture(*LARGE), encoder, cancelled=lambda: encoder.calls == 2)
    assert encoder.calls == 2


def test_a_cancelled_image_is_not_begun():
    encoder = MeanColourEncoder()
    with pytest.raises(Cancelled):
        embed(picture(40, 40), encoder, cancelled=lambda: True)
    assert encoder.calls == 0


@pytest.mark.parametrize("shape", [(40, 50), LARGE])
def test_what_is_not_finite_is_told_whichever_window_it_is_in(shape):
    image = np.zeros(shape, dtype=np.float32)
    image[5, 5] = np.nan
    with pytest.warns(UserWarning, match="holds NaN or ±inf; they are treated as black"):
        assert embed(image, MeanColourEncoder()).nonfinite
    image[5, 5] = 1
    assert not embed(image, MeanColourEncoder()).nonfinite


# --- where and how vectors are stored


@dataclass(eq=False)
class AcceleratorEncoder(ProjectionEncoder):
    """Says that it computes on an accelerator, as far as this can be said without one: a tensor without numbers."""

    dimension: int = 384
    device: torch.device = field(default_factory=lambda: torch.device("meta"))

    @property
    def spec(self):
        return planted_spec(self.patch_size, "projection", self.dimension)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        count, height, width, _ = batch.shape
        return torch.empty(count, height // 16, width // 16, self.dimension, device=self.device)


@pytest.mark.parametrize("shape", [(1024, 1024), (1300, 1801)])
def test_vectors_stay_on_an_accelerator_in_half_precision(shape):
    found = embed(np.zeros(shape, dtype=np.uint8), AcceleratorEncoder()).vectors
    assert (found.dtype, found.device.type) == (torch.float16, "meta")
    assert found.shape == (*PatchGrid(*shape, 16).shape, 384)


def test_memory_of_1024_pixels_a_side_at_384_numbers():
    image = np.zeros((1024, 1024), dtype=np.uint8)
    on_accelerator = embed(image, AcceleratorEncoder()).vectors
    on_cpu = embed(image, MeanColourEncoder(planted_spec(dimension=3))).vectors
    assert on_accelerator.nbytes <= 3.2 * MEGABYTE
    assert on_cpu.nbytes * 384 / 3 <= 6.3 * MEGABYTE
    assert on_cpu.untyped_storage().nbytes() == on_cpu.nbytes


@pytest.mark.parametrize("shape", [(1024, 1024), (1300, 1801)])
def test_vectors_hold_on_to_no_larger_tensor(shape):
    found = encode_plane(image_plane(np.ones(shape, dtype=np.uint8)), ProjectionEncoder()).vectors
    assert found.untyped_storage().nbytes() == found.nbytes == found.numel() * 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_on_a_real_accelerator_is_near_float32():
    class OnCuda(ProjectionEncoder):
        def encode(self, batch):
            return super().encode(batch).to(self.device)

    for shape in ((500, 700), LARGE):
        image = picture(*shape)
        exact, found = embed(image, ProjectionEncoder()), embed(image, OnCuda(device=torch.device("cuda")))
        assert (found.vectors.dtype, found.vectors.device.type) == (torch.float16, "cuda")
        scores = found.cosine(found.query([(100, 200), (400, 30)]))
        assert scores.device.type == "cpu"
        np.testing.assert_allclose(scores, exact.cosine(exact.query([(100, 200), (400, 30)])), atol=2e-3)
