"""Large images, window by window: the same answer as in one pass, and no seam."""

import gc
import weakref
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dinosim import embed, partial, tiling
from napari_dinosim.errors import Cancelled, EncodingError, OutOfMemoryError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.partial import PartialPlane
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
    """Says that it computes on an accelerator, as far as this can be said without one."""

    dimension: int = 384
    device: torch.device = field(default_factory=lambda: torch.device("meta"))

    @property
    def spec(self):
        return planted_spec(self.patch_size, "projection", self.dimension)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        count, height, width, _ = batch.shape
        return torch.ones(count, height // 16, width // 16, self.dimension)


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


# --- too little memory


class ShortEncoder(MeanColourEncoder):
    """Has room for so many patches at once on its device; ``shapes`` are the batches it was given."""

    def __init__(self, room: int, at_once: int = 1, device: str = "meta") -> None:
        super().__init__(windows_per_batch=at_once, device=torch.device(device))
        self.room, self.shapes = room, []

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(batch.shape[:3]))
        if batch[..., 0].numel() > self.room * 256:
            self.refuse()
        return super().encode(batch)

    def refuse(self) -> None:
        raise OutOfMemoryError("memory of meta: too little")


class MovableEncoder(ShortEncoder):
    """Has so much room on the CPU, when it is there."""

    def __init__(self, room: int, room_on_cpu: int, **facts) -> None:
        super().__init__(room, **facts)
        self.room_on_cpu = room_on_cpu

    def to_cpu(self) -> None:
        if not self.room_on_cpu:
            raise OutOfMemoryError("no room for the model")
        self.device, self.room, self.windows_per_batch = torch.device("cpu"), self.room_on_cpu, 1


def counted(shapes: list[tuple[int, ...]]) -> list[tuple[tuple[int, ...], int]]:
    """Runs of equal shapes, and their lengths."""
    return [(shape, len(list(run))) for shape, run in groupby(shapes)]


def bias_shape(embeddings) -> tuple[int, int]:
    return embeddings.bias.shape


def test_the_batch_is_halved_and_the_same_windows_are_tried_again():
    image, told = picture(*LARGE), []
    encoder = ShortEncoder(room=2 * 48 * 48, at_once=5, device="cpu")
    found = encode_plane(image_plane(image), encoder, told=told.append)
    assert [shape[0] for shape in encoder.shapes] == [5, 2, 2, 2]
    assert told == ["cpu has too little memory for 5 windows at once: going on with 2 at a time."]
    assert torch.equal(found.vectors, embed(image, MeanColourEncoder()).vectors)
    assert bias_shape(found) == (48, 48)


def test_windows_get_smaller_where_one_alone_does_not_fit():
    image, told = picture(1000, 900), []
    encoder = ShortEncoder(room=32 * 32, device="cpu")
    found = encode_plane(image_plane(image), encoder, told=told.append)
    assert counted(encoder.shapes) == [((1, 1008, 912), 1), ((1, 768, 768), 1), ((1, 512, 512), 9)]
    assert told == [
        "cpu has too little memory for windows of 1008 × 912 pixels: beginning the image anew with 768 × 768 pixels.",
        "cpu has too little memory for windows of 768 × 768 pixels: beginning the image anew with 512 × 512 pixels.",
    ]
    np.testing.assert_allclose(found.vectors, embed(image, MeanColourEncoder()).vectors, atol=1e-5)
    assert bias_shape(found) == (32, 32)
    assert found.encoder == encoder.identity


def test_an_image_smaller_than_a_smaller_window_is_not_tried_again_with_it():
    encoder = ShortEncoder(room=40 * 30, device="cpu")
    encode_plane(image_plane(picture(700, 480)), encoder)
    assert counted(encoder.shapes) == [((1, 704, 480), 1), ((1, 512, 480), 2)]


def test_a_large_image_begins_anew_with_smaller_windows_after_batches_of_one():
    encoder = ShortEncoder(room=48 * 48 - 1, at_once=2, device="cpu")
    found = encode_plane(image_plane(picture(*LARGE)), encoder)
    windows = len(plan_windows(PatchGrid(*LARGE, 16), 512))
    assert counted(encoder.shapes) == [((2, 768, 768), 1), ((1, 768, 768), 1), ((1, 512, 512), windows)]
    np.testing.assert_allclose(found.vectors, embed(picture(*LARGE), MeanColourEncoder()).vectors, atol=1e-5)


def test_at_last_the_cpu_takes_over_with_windows_of_the_usual_size():
    image, told = picture(*LARGE), []
    encoder = MovableEncoder(100, 10_000, at_once=2)
    found = encode_plane(image_plane(image), encoder, told=told.append)
    windows = len(plan_windows(PatchGrid(*LARGE, 16)))
    assert counted(encoder.shapes)[2:] == [((1, 512, 512), 1), ((1, 768, 768), windows)]
    assert told[2:] == [
        "meta has too little memory even for one window of 512 × 512 pixels: beginning the image anew on the CPU, "
        "slower, until the encoder is loaded again."
    ]
    assert (found.vectors.dtype, found.vectors.device.type) == (torch.float32, "cpu")
    assert torch.equal(found.vectors, embed(image, MeanColourEncoder()).vectors)
    assert bias_shape(found) == (48, 48)


def test_when_nothing_helps_it_is_said_what_was_tried():
    told, tried = [], [("2 windows", 768, "meta"), ("1 window", 768, "meta"), ("1 window", 512, "meta")]
    tried += [("1 window", 768, "cpu"), ("1 window", 512, "cpu")]
    attempts = ", ".join(f"{count} of {side} × {side} pixels on {device}" for count, side, device in tried)
    expected = (
        rf"memory of cpu: found too little for 'mean-colour'\. Tried in vain: {attempts}\. Close other programs, or "
        "choose a smaller encoder"
    )
    with pytest.raises(OutOfMemoryError, match=expected):
        encode_plane(image_plane(picture(*LARGE)), MovableEncoder(100, 100, at_once=2), told=told.append)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("encoder", "last"),
    [(ShortEncoder(100), r"512 × 512 pixels on meta\."), (MovableEncoder(100, 0), r"the encoder itself on cpu\.")],
)
def test_an_encoder_that_cannot_move_stays_where_it_is(encoder, last):
    with pytest.raises(OutOfMemoryError, match=rf"memory of meta: .*Tried in vain: .*{last} Close other programs"):
        encode_plane(image_plane(picture(600, 600)), encoder)
    assert encoder.device.type == "meta"


def test_an_error_caused_by_too_little_memory_is_one_of_too_little_memory():
    class Plain(ShortEncoder):
        def refuse(self) -> None:
            raise EncodingError("the encoder failed") from RuntimeError("CUDA out of memory. Tried to allocate …")

    encoder = Plain(room=48 * 48, at_once=2, device="cpu")
    encode_plane(image_plane(picture(*LARGE)), encoder)
    assert [shape[0] for shape in encoder.shapes][:3] == [2, 1, 1]


def test_cancelling_takes_effect_between_attempts():
    encoder = ShortEncoder(room=1, at_once=4)
    with pytest.raises(Cancelled):
        encode_plane(image_plane(picture(*LARGE)), encoder, cancelled=lambda: len(encoder.shapes) == 2)
    assert len(encoder.shapes) == 2


def test_embeddings_that_find_no_room_on_the_device_stay_on_the_cpu(monkeypatch):
    move, told = torch.Tensor.to, []

    def to(tensor, *arguments, **options):
        if torch.device("meta") in arguments:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return move(tensor, *arguments, **options)

    monkeypatch.setattr(torch.Tensor, "to", to)
    found = encode_plane(image_plane(picture(40, 50)), ShortEncoder(room=99), told=told.append).vectors
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    assert told == ["meta has no room for the embeddings: they stay in the computer's memory."]


# --- going on


class FailingEncoder(MeanColourEncoder):
    """Fails at these calls, counted from 1."""

    fails_at: tuple[int, ...] = ()
    error: Exception = EncodingError("the device is lost")

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        if self.calls + 1 in self.fails_at:
            self.calls += 1
            raise self.error
        return super().encode(batch)


def test_after_an_error_it_goes_on_with_the_window_that_failed():
    plane, work, told = image_plane(picture(*LARGE)), PartialPlane(), []
    encoder, windows = FailingEncoder(), len(plan_windows(PatchGrid(*LARGE, 16)))
    encoder.fails_at = (4, 5)
    for _ in range(2):
        with pytest.raises(EncodingError, match="the device is lost"):
            encode_plane(plane, encoder, partial=work)
        assert work.done == 3
    found = encode_plane(plane, encoder, partial=work, on_progress=lambda *both: told.append(both))
    assert encoder.calls == windows + 2
    assert told == [(done, windows) for done in range(3, windows + 1)]
    assert torch.equal(found.vectors, embed(picture(*LARGE), MeanColourEncoder()).vectors)


def test_after_a_cancellation_it_goes_on_even_on_another_device():
    plane, work, first = image_plane(picture(*LARGE)), PartialPlane(), AcceleratorEncoder(dimension=3)
    with pytest.raises(Cancelled):
        encode_plane(plane, first, partial=work, cancelled=lambda: work.done == 2)
    second = MeanColourEncoder(identity=first.identity)
    found = encode_plane(plane, second, partial=work)
    assert second.calls == len(work.windows) - 2
    assert (found.vectors.dtype, found.vectors.device.type) == (torch.float32, "cpu")


def test_what_all_is_done_is_not_done_again():
    plane, work, encoder = image_plane(picture(40, 50)), PartialPlane(), MeanColourEncoder()
    first = encode_plane(plane, encoder, partial=work)
    assert torch.equal(encode_plane(plane, encoder, partial=work, cancelled=lambda: True).vectors, first.vectors)
    assert encoder.calls == 1


def test_it_goes_on_with_the_windows_that_fitted():
    plane, work, encoder = image_plane(picture(*LARGE)), PartialPlane(), ShortEncoder(40 * 40, at_once=2)
    with pytest.raises(Cancelled):
        encode_plane(plane, encoder, partial=work, cancelled=lambda: work.done == 3)
    encoder.shapes.clear()
    found = encode_plane(plane, encoder, partial=work)
    assert counted(encoder.shapes) == [((1, 512, 512), len(work.windows) - 3)]
    assert bias_shape(found) == (32, 32)


def test_what_failed_at_its_first_window_begins_with_the_usual_ones_again():
    plane, work, encoder = image_plane(picture(*LARGE)), PartialPlane(), ShortEncoder(room=1)
    with pytest.raises(OutOfMemoryError):
        encode_plane(plane, encoder, partial=work)
    encoder.room = 10_000
    encode_plane(plane, encoder, partial=work)
    assert encoder.shapes[-1] == (1, 768, 768)


@pytest.mark.parametrize("change", ["encoder", "shape"])
def test_what_is_done_of_another_plane_or_by_another_encoder_is_dropped(change):
    plane, work = image_plane(np.full(LARGE, np.nan, dtype=np.float32), contrast_limits=(0, 1)), PartialPlane()
    with pytest.raises(Cancelled):
        encode_plane(plane, MeanColourEncoder(), partial=work, cancelled=lambda: work.done == 2)
    assert work.nonfinite
    image = picture(*LARGE if change == "encoder" else (1301, 1801))
    encoder = MeanColourEncoder(identity="another" if change == "encoder" else "mean-colour@1")
    found = encode_plane(image_plane(image), encoder, partial=work)
    assert encoder.calls == len(work.windows)
    assert torch.equal(found.vectors, embed(image, MeanColourEncoder()).vectors)
    assert not found.nonfinite


def test_no_window_is_blended_twice(monkeypatch):
    """Also where memory ends in the middle of a batch."""
    ramp, calls = partial._ramp, []

    def short_once(*arguments):
        calls.append(arguments)
        if len(calls) == 4:  # the second axis of the second window
            raise MemoryError
        return ramp(*arguments)

    monkeypatch.setattr(partial, "_ramp", short_once)
    told = []
    encoder = MeanColourEncoder(windows_per_batch=3)
    found = encode_plane(image_plane(picture(*LARGE)), encoder, told=told.append)
    assert len(told) == 1
    monkeypatch.undo()
    assert torch.equal(found.vectors, embed(picture(*LARGE), MeanColourEncoder()).vectors)


def test_what_is_kept_holds_neither_encoder_nor_image():
    plane, work, encoder = image_plane(picture(*LARGE)), PartialPlane(), AcceleratorEncoder()
    with pytest.raises(Cancelled):
        encode_plane(plane, encoder, partial=work, cancelled=lambda: work.done == 2)
    held = [weakref.ref(encoder), weakref.ref(plane.data)]
    del encoder, plane
    gc.collect()
    assert [one() for one in held] == [None, None]
    assert work.mosaic.dense().device.type == "cpu"


def test_finished_windows_leave_the_device(monkeypatch):
    moved = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: moved.append(tuple(tensor.shape)) or tensor)
    encode_plane(image_plane(picture(1300, 700)), MeanColourEncoder())
    assert moved == [(1, 48, 44, 3)] * 2
