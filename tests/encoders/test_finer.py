"""Cells finer than a patch: the mean of all patches over them, whichever way that is reckoned."""

import gc
import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from napari_dinosim import PatchGrid, Sampling, embed, tiling
from napari_dinosim.encoders.finer import FinerEncoder, finer_encoder, shifts
from napari_dinosim.errors import EncoderMismatchError, EncodingError, OutOfMemoryError, ResolutionError
from napari_dinosim.image import image_plane
from napari_dinosim.partial import Focus, Window
from napari_dinosim.tiling import encode_plane
from pictures import colours
from planted import MeanColourEncoder, planted_spec
from projected import ProjectionEncoder


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-8)


def cells_by_hand(image: np.ndarray, size: int, finer: int) -> np.ndarray:
    """For each cell: the unit colours of the finer × finer patches that begin at shifted places and hold its centre."""
    height, width = image.shape[:2]
    room = 2 * size
    black = np.zeros((height + 2 * room, width + 2 * room, 3))
    black[room:-room, room:-room] = image / 255
    steps = [int(np.floor(k * size / finer + 0.5)) for k in range(finer)]
    rows, cols = int(np.ceil(height * finer / size)), int(np.ceil(width * finer / size))
    found = np.zeros((rows, cols, 3))
    for row in range(rows):
        for col in range(cols):
            y, x = (row + 0.5) * size / finer, (col + 0.5) * size / finer
            for dy in steps:
                for dx in steps:
                    top, left = int((y + dy) // size) * size - dy + room, int((x + dx) // size) * size - dx + room
                    found[row, col] += unit(black[top : top + size, left : left + size].mean(axis=(0, 1)))
    return unit(found)


@pytest.mark.parametrize("finer", [2, 4])
@pytest.mark.parametrize(("size", "shape"), [(16, (70, 101)), (14, (70, 101)), (16, (48, 64)), (7, (30, 23))])
def test_a_cell_is_the_mean_of_all_patches_over_it(size, shape, finer):
    image = colours(*shape)
    found = embed(image, MeanColourEncoder(planted_spec(size)), finer=finer)
    assert found.grid == PatchGrid(*shape, size, finer=finer)
    np.testing.assert_allclose(found.vectors, cells_by_hand(image, size, finer), atol=1e-5)


@pytest.mark.parametrize(
    ("size", "finer", "expected"), [(16, 2, [0, 8]), (16, 4, [0, 4, 8, 12]), (14, 4, [0, 4, 7, 11]), (7, 2, [0, 4])]
)
def test_shifts_are_parts_of_a_patch_rounded(size, finer, expected):
    assert shifts(size, finer) == expected


def test_windows_are_shifted_down_and_right_into_black():
    """A projection tells every pixel of a patch apart."""
    image = torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    plain = ProjectionEncoder(16)
    found = FinerEncoder(plain, 2).encode(image)
    assert found.shape == (2, 4, 6, 8)
    assert sorted(plain.shapes) == sorted([(2, 32, 48, 3), (2, 32, 64, 3), (2, 48, 48, 3), (2, 48, 64, 3)])
    total = torch.zeros(2, 4, 6, 8)
    for dy in (0, 8):
        for dx in (0, 8):
            black = torch.zeros(2, 48, 64, 3)
            black[:, dy : dy + 32, dx : dx + 48] = image
            tokens = torch.nn.functional.normalize(plain.encode(black), dim=-1)
            cells = tokens.repeat_interleave(2, 1).repeat_interleave(2, 2)
            total += cells[:, dy // 8 : dy // 8 + 4, dx // 8 : dx // 8 + 6]
    np.testing.assert_allclose(found, total, atol=1e-5)


def test_an_edge_is_placed_more_finely():
    """Between red and blue, 24 pixels down: in the middle of a patch of 16, at the edge of a cell of 8."""
    image = np.zeros((64, 80, 3), dtype=np.uint8)
    image[:24, :, 0], image[24:, :, 2] = 255, 255
    coarse, fine = (embed(image, MeanColourEncoder(), finer=n).vectors[:, 3].numpy() for n in (1, 4))
    assert coarse[1, 0] == coarse[1, 2]  # half of each: all that a patch can tell
    assert (fine[:6, 0] > fine[:6, 2] + 0.1).all()
    assert (fine[6:, 2] > fine[6:, 0] + 0.1).all()
    assert (np.diff(fine[:, 2]) >= -1e-6).all()


@pytest.mark.parametrize("finer", [2, 4])
@pytest.mark.parametrize("size", [14, 16])
def test_windows_give_what_one_pass_gives(size, finer, monkeypatch):
    image, encoder = colours(1100, 1301), MeanColourEncoder(planted_spec(size))
    tiled = embed(image, encoder, finer=finer)
    assert encoder.calls > finer**2
    monkeypatch.setattr(tiling, "ONE_PASS", 1301)
    whole = embed(image, encoder, finer=finer)
    assert tiled.vectors.shape == (*PatchGrid(1100, 1301, size, finer=finer).shape, 3)
    close = np.abs(tiled.vectors.numpy() - whole.vectors.numpy()).max(axis=-1)
    assert close.max() < 0.1  # the first row and column of a window see black beside it, with small weights
    assert np.quantile(close, 0.95) < 1e-5


TURN = 0.2
"""Angle by which the tokens of one window differ from those of the next."""


@dataclass(eq=False)
class TurningEncoder(MeanColourEncoder):
    """Each window has a token of its own, whatever is in it."""

    finer: int = 1

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        angle = torch.tensor(TURN * ((self.calls - 1) // self.finer**2))
        tokens[...] = torch.stack([angle.cos(), angle.sin(), torch.zeros(())])
        return tokens


@pytest.mark.parametrize("finer", [1, 2, 4])
def test_blending_falls_over_eight_patches_whatever_their_cells(finer):
    found = embed(np.full((1500, 90, 3), 128, dtype=np.uint8), TurningEncoder(finer=finer), finer=finer)
    angles = torch.atan2(found.vectors[:, 3, 1], found.vectors[:, 3, 0]).numpy()
    assert angles[0] == pytest.approx(0, abs=1e-6)
    assert angles[-1] == pytest.approx(2 * TURN, abs=1e-6)
    cells = 2 * tiling.HALO * finer
    assert TURN / cells < np.diff(angles).max() < 1.7 * TURN / cells  # three windows meet in the middle
    assert np.diff(angles).min() > -1e-6


def test_the_part_in_view_is_told_in_whole_patches():
    """Windows are of whole patches: in cells, the view would be taken for another place."""
    grids, plane = [], image_plane(colours(1500, 90))

    def look(grid: PatchGrid) -> Focus:
        grids.append(grid)
        return Focus(Window(*grid.patch_at(1490, 10), 1, 1), only=True)

    found = encode_plane(plane, FinerEncoder(MeanColourEncoder(), 4), focus=look)
    assert set(grids) == {PatchGrid(1500, 90, 16)}
    known = ~torch.isnan(found.cosine(found.query([(1490, 10)]))[:, 0]).numpy()
    first = tiling.plan_windows(grids[0])[-1].row
    np.testing.assert_array_equal(known, np.arange(375) >= 4 * first)


def test_a_resized_image_is_made_finer_too():
    image = colours(90, 130)
    found = embed(image, MeanColourEncoder(), sampling=Sampling.zoomed(2), finer=2)
    assert found.grid == PatchGrid(90, 130, 16, (180, 260), finer=2)
    assert found.grid.footprint == (4, 4)
    assert found.similarity_map(found.query([(40, 100)])).shape == (90, 130)


def test_finer_vectors_are_compared_with_their_like_only():
    image, plain = colours(60, 80), MeanColourEncoder()
    one, two, four = (embed(image, plain, finer=n) for n in (1, 2, 4))
    assert len({one.encoder, two.encoder, four.encoder}) == 3
    assert two.cosine(embed(image, plain, finer=2).query([(9, 9)])).max() == pytest.approx(1)
    with pytest.raises(EncoderMismatchError, match=r"made with 'mean-colour@1' but .* with 'mean-colour@1-finer2'"):
        two.cosine(one.query([(9, 9)]))


def test_once_finer_is_the_encoder_itself():
    plain = MeanColourEncoder()
    assert finer_encoder(plain, 1) is plain


@pytest.mark.parametrize("finer", [0, 3, 8, -2])
def test_other_numbers_are_refused(finer):
    with pytest.raises(ResolutionError, match=f"found {finer}, expected 1, 2 or 4, and no more than the 16 pixels"):
        embed(colours(20, 20), MeanColourEncoder(), finer=finer)


def test_cells_smaller_than_a_pixel_are_refused():
    with pytest.raises(ResolutionError, match="found 4, expected 1, 2 or 4, and no more than the 2 pixels of a patch"):
        finer_encoder(MeanColourEncoder(planted_spec(2)), 4)


def test_facts_are_those_of_the_encoder_it_holds():
    plain = MeanColourEncoder(windows_per_batch=3)
    fine = FinerEncoder(plain, 4)
    assert (fine.spec.patch_size, fine.spec.finer, fine.spec.name) == (16, 4, "mean-colour")
    assert (fine.device, fine.windows_per_batch) == (plain.device, 3)


# --- devices, bias


@dataclass(eq=False)
class MovingEncoder(MeanColourEncoder):
    """Finds no memory until it is moved."""

    moved: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("meta"))

    def to_cpu(self) -> None:
        self.moved, self.device = True, torch.device("cpu")

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        if not self.moved:
            raise OutOfMemoryError("no room")
        return super().encode(batch)


def test_it_moves_to_the_cpu_with_the_encoder_it_holds():
    moving = MovingEncoder()
    with pytest.warns(UserWarning, match="beginning the image anew on the CPU"):
        found = embed(colours(60, 80), moving, finer=2)
    assert moving.moved
    assert found.grid.shape == (8, 10)


@dataclass(eq=False)
class StuckEncoder(MeanColourEncoder):
    """Finds no memory, and cannot be moved."""

    device: torch.device = field(default_factory=lambda: torch.device("meta"))

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        raise OutOfMemoryError("no room")


def test_one_that_cannot_be_moved_is_told():
    with pytest.raises(OutOfMemoryError, match="memory of meta: 'mean-colour' cannot be moved to the CPU"):
        FinerEncoder(StuckEncoder(), 2).to_cpu()
    with pytest.raises(EncodingError, match="memory of meta: found too little for 'mean-colour'"):
        embed(colours(60, 80), StuckEncoder(), finer=2)


@dataclass(eq=False)
class PlaceEncoder(MeanColourEncoder):
    """Adds where a patch lies: a ramp down the window."""

    spec: object = field(default_factory=lambda: planted_spec(16, "place", 8))

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        count, rows, cols, _ = tokens.shape
        ramp = torch.linspace(-1, 1, rows)[None, :, None, None].expand(count, rows, cols, 1)
        return torch.cat([tokens, torch.zeros(count, rows, cols, 3), torch.ones(count, rows, cols, 1), ramp], dim=-1)


def test_bias_is_taken_out_of_cells_as_long_as_the_encoder_lives():
    encoder = PlaceEncoder()
    found = embed(np.full((320, 200, 3), 90, dtype=np.uint8), encoder, finer=2)
    gc.collect()  # what made the encoder finer is gone
    spread = [np.ptp(each.vectors[2:-2, 5].numpy() @ each.vectors[5, 5].numpy()) for each in (found, found.debiased(1))]
    assert spread[0] > 0.1
    assert spread[1] < spread[0] / 10
    held = weakref.ref(encoder)
    del encoder
    gc.collect()
    assert held() is None
    with pytest.raises(LookupError, match=r"has been freed. Load it and embed again"):
        found.debiased(2)
