"""Windows for images larger than one forward pass, and the embedding of one plane.

An image of at most :data:`ONE_PASS` pixels a side is encoded in one pass, exactly as in the seeds. A larger one is cut
into overlapping windows of about :data:`WINDOW` pixels, the same on every device, so that a result does not depend on
the machine. Where windows overlap, their unit vectors are blended with weights that fall to zero at each window's rim,
and scaled back to unit length.

Only where a device has too little memory is less asked of it, one step after the other, each told: fewer windows at
once, smaller windows, the CPU. And what is done of a plane when the work stops can be gone on with.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch

from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.encoders.devices import is_out_of_memory
from napari_dinosim.errors import Cancelled, EncodingError, ImageError, OutOfMemoryError
from napari_dinosim.partial import HALO, PartialPlane, Window
from napari_dinosim.positional import PositionalBias
from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.image import Plane
    from napari_dinosim.mosaic import Mosaic
    from napari_dinosim.partial import Focus

ONE_PASS = 1024
"""Longest side, in pixels, that is encoded in one forward pass."""

WINDOW = 768
"""Side of a window in pixels (rounded down to whole patches): between the 512 and 1024 that dense features like."""

SMALLER_WINDOWS = (768, 512)
"""Sides in pixels of the windows that are tried, one after the other, where larger ones find too little memory."""


def plan_windows(grid: PatchGrid, largest: int | None = None) -> list[Window]:
    """Cut a patch grid into windows.

    Parameters
    ----------
    grid : PatchGrid
        Windows are of whole patches, also where these have several cells.
    largest : int, optional
        Side of the largest window in pixels; by default :data:`ONE_PASS` for an image that fits into it, and
        :data:`WINDOW` for others.

    Returns
    -------
    list of Window
        One window over the whole grid where no side is longer than that; else windows of equal size that overlap by
        at least ``2 * HALO`` patches, the last of each row and column flush with the edge.
    """
    down, across, (rows, cols) = window_starts(grid, largest)
    return [Window(row, col, rows, cols) for row in down for col in across]


def window_starts(grid: PatchGrid, largest: int | None = None) -> tuple[list[int], list[int], tuple[int, int]]:
    """First row and first column of the windows of a grid, and how many rows and columns each has.

    There is a window at each row and each column; see :func:`plan_windows`. A huge grid has thousands.
    """
    if max(grid.sampled_shape) <= (ONE_PASS if largest is None else largest):
        return [0], [0], grid.patches
    side = max((WINDOW if largest is None else largest) // grid.patch_size, 4 * HALO)
    rows, cols = (min(side, count) for count in grid.patches)
    return _starts(grid.patches[0], rows), _starts(grid.patches[1], cols), (rows, cols)


def _starts(length: int, side: int) -> list[int]:
    """First index of each window along one axis, evenly spread."""
    if length <= side:
        return [0]
    step = side - 2 * HALO
    count = -(-(length - side) // step) + 1
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


@runtime_checkable
class Movable(Protocol):
    """An encoder that can leave its device."""

    def to_cpu(self) -> None:
        """Move to the CPU, for good."""


def encode_plane(
    plane: Plane,
    encoder: Encoder,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    told: Callable[[str], None] | None = None,
    partial: PartialPlane | None = None,
    focus: Callable[[PatchGrid], Focus | None] | None = None,
) -> PatchEmbeddings:
    """Embed one image plane, window by window.

    Parameters
    ----------
    plane : Plane
        Read window by window, padded with black at the bottom and right.
    encoder : Encoder
    on_progress : callable(done, total), optional
        Called after each batch of windows with the windows done and the windows in all.
    cancelled : callable() -> bool, optional
        Asked before each batch.
    told : callable(str), optional
        Called with a sentence whenever less is asked of a device because it has too little memory.
    partial : PartialPlane, optional
        Where to keep what is done, and to go on from, with the same plane: no window is encoded twice.
    focus : callable(PatchGrid) -> Focus or None, optional
        Asked before each batch, in whole patches: which windows come first, and whether the others are left out.

    Returns
    -------
    PatchEmbeddings
        Unit vectors, float32 on the CPU, float16 on an accelerator; unknown where windows were left out or could not be
        read.

    Raises
    ------
    Cancelled
        If ``cancelled()`` became true.
    ImageError
        If nothing of the plane could be read.
    EncodingError
        If the encoder failed.
    OutOfMemoryError
        If there is too little memory for the smallest windows, one at a time, and on the CPU.
    """
    grid = replace(plane.grid(encoder.spec.patch_size), finer=encoder.spec.finer)
    work = PartialPlane() if partial is None else partial
    of = grid, encoder.identity
    if not work.done or work.of != of:
        work.of, work.nonfinite = of, False
        work.begin(grid, plan_windows(grid), encoder.windows_per_batch)
    look, tell = focus or _everywhere, told or (lambda _sentence: None)
    for left in _run(work, grid, plane, encoder, look, tell):
        if on_progress is not None and work.done:
            on_progress(work.done, work.done + left)
        if cancelled is not None and left and cancelled():
            raise Cancelled("Embedding was cancelled; press Start to go on.")
    return _finished(work, encoder, tell)


def _everywhere(_grid: PatchGrid) -> None:
    """Look at no part more than at others."""


def _finished(work: PartialPlane, encoder: Encoder, tell: Callable[[str], None]) -> PatchEmbeddings:
    """Embeddings of all that was wanted and could be read."""
    if not work.done:
        why = next(iter(work.unread.values()))
        work.unread.clear()
        raise ImageError(f"{why} Nothing of the image could be read; press Start to try again.")
    found = embeddings_of(work, encoder)
    return replace(found, mosaic=_stored(found.mosaic, encoder, tell)) if found.mosaic.complete else found


def embeddings_of(work: PartialPlane, encoder: Encoder) -> PatchEmbeddings:
    """Embeddings of what is done of a plane; they grow while the work goes on."""
    assert work.of is not None
    assert work.mosaic is not None
    bias = PositionalBias(encoder, work.windows[0].rows, work.windows[0].cols)
    return PatchEmbeddings(work.mosaic, work.of[0], encoder.identity, work.nonfinite, bias)


def _run(
    work: PartialPlane,
    grid: PatchGrid,
    plane: Plane,
    encoder: Encoder,
    look: Callable[[PatchGrid], Focus | None],
    tell: Callable[[str], None],
) -> Iterator[int]:
    """Encode the windows that are not done yet; yields how many are left, at first and after each attempt."""
    whole = replace(grid, finer=1)  # windows are of whole patches
    todo = work.todo(look(whole))
    yield len(todo)
    tried: list[str] = []
    while todo:
        readable, pixels = _read(work, todo[: work.at_once], grid.patch_size, plane, tell)
        device = encoder.device
        if readable and not _fits(work, readable, encoder, pixels):
            tried.append(f"{_count(len(readable))} of {_size(work.windows[readable[0]], grid)} on {device}")
            tell(_ask_less(work, grid, encoder, device, tried))
        todo = work.todo(look(whole))
        yield len(todo)


def _read(
    work: PartialPlane, numbers: list[int], size: int, plane: Plane, tell: Callable[[str], None]
) -> tuple[list[int], Tensor]:
    """Read the pixels of a batch of windows, (B, H, W, 3) in [0, 1]; returns which could be read, and their pixels."""
    parts: dict[int, NDArray[np.float32]] = {}
    for number in numbers:
        window = work.windows[number]
        try:
            parts[number], found = plane.window(
                window.row * size, window.col * size, window.rows * size, window.cols * size
            )
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a file, a graph or a network throws is told; the others go on
            reason = f"Reading failed with {type(error).__name__}: {error}.".replace("..", ".")
            work.unread[number] = reason
            if len(work.windows) > 1:
                tell(f"{reason} That part stays empty; press Start to try it again.")
        else:
            work.nonfinite |= found
    return list(parts), torch.from_numpy(np.stack(list(parts.values()))) if parts else torch.empty(0)


def _fits(work: PartialPlane, numbers: list[int], encoder: Encoder, pixels: Tensor) -> bool:
    """Encode and blend in some windows; False where there is too little memory for them."""
    try:
        work.add(numbers, unit_vectors(encoder.encode(pixels)))
    except (EncodingError, RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    gc.collect()  # frees what the error's frames still held of the batch
    return False


def _ask_less(work: PartialPlane, grid: PatchGrid, encoder: Encoder, device: torch.device, tried: list[str]) -> str:
    """Go one step down: half the windows at once, then smaller ones, then the CPU; returns what people are told."""
    asked, window = min(work.at_once, len(work.todo())), work.windows[0]
    if asked > 1:
        work.at_once = asked // 2
        return f"{device} has too little memory for {_count(asked)} at once: going on with {work.at_once} at a time."
    for side in SMALLER_WINDOWS:
        smaller = plan_windows(grid, side)
        if smaller[0].rows * smaller[0].cols < window.rows * window.cols:
            work.begin(grid, smaller, 1)
            return (
                f"{device} has too little memory for windows of {_size(window, grid)}: beginning the image anew "
                f"with {_size(smaller[0], grid)}."
            )
    if device.type != "cpu" and isinstance(encoder, Movable):
        with suppress(OutOfMemoryError):
            encoder.to_cpu()
            work.begin(grid, plan_windows(grid), encoder.windows_per_batch)
            return (
                f"{device} has too little memory even for one window of {_size(window, grid)}: beginning the image "
                "anew on the CPU, slower, until the encoder is loaded again."
            )
        tried.append("the encoder itself on cpu")
    raise OutOfMemoryError(
        f"memory of {encoder.device}: found too little for {encoder.spec.name!r}. Tried in vain: {', '.join(tried)}. "
        "Close other programs, or choose a smaller encoder."
    )


def _count(windows: int) -> str:
    return f"{windows} window{'' if windows == 1 else 's'}"


def _size(window: Window, grid: PatchGrid) -> str:
    return f"{window.rows * grid.patch_size} × {window.cols * grid.patch_size} pixels"


def _stored(mosaic: Mosaic, encoder: Encoder, tell: Callable[[str], None]) -> Mosaic:
    """Move the vectors to an accelerator in half precision; where they do not fit, they stay on the CPU."""
    if encoder.device.type == "cpu":
        return mosaic
    try:
        return mosaic.mapped(lambda vectors: vectors.to(torch.float16).to(encoder.device))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    tell(f"{encoder.device} has no room for the embeddings: they stay in the computer's memory.")
    return mosaic
