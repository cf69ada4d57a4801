"""Compare encoders on your own labelled images, or measure only their speed and memory.

``python benchmarks/encoders.py FOLDER --encoder builtin --encoder dinov3_vits16=weights.pth`` embeds the images of a
folder, clicks on random labelled patches and ranks all other labelled patches of all images by their cosine. Masks lie
beside the images (``NAME.png`` and ``NAME_mask.png`` or ``.tif``), or in the subfolders ``images`` and ``masks``. The
value 0 of a mask is background: ranked, never clicked on. Without a folder, images from inside scikit-image are used.
The encoder ``random-vit`` has learnt nothing; what it scores is what colours and grey levels give away by themselves.

``python benchmarks/encoders.py --speed --random vit_small_patch16_dinov3`` measures an architecture of timm's with
random weights; it needs torch, timm, numpy and this package's core, and no data.

Nothing is downloaded. The table goes to the standard output, progress to the standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from measuring import RANDOM_ARCHITECTURE, RANDOM_VIT, SIZES, PeakMemory, Speed, measure_speed, random_encoder
from napari_dinosim import load_encoder
from napari_dinosim.encoders.devices import describe_device, resolve_device
from napari_dinosim.errors import DinosimError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labelled import ImageSet
    from napari_dinosim.encoders.base import Encoder
    from ranking import Quality, Score

DEFAULT_QUERIES = 50

MEGA = 1e6

WRONG_USE, SOME_FAILED = 2, 1
"""Exit statuses: nothing could be measured; an encoder was left out."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One encoder on one image set.

    Parameters
    ----------
    encoder, identity : str
        As it was asked for, and with the hash of its weights.
    images : str
        Name of the image set.
    quality : Quality
    patches_per_second : float
        Warm, reading of files left out; the median over the images.
    memory : int or None
        Peak in bytes while embedding: weights, work and embeddings; see `PeakMemory`.
    embedding_bytes : int
        What stays in memory for all patches of the set.
    """

    encoder: str
    identity: str
    images: str
    quality: Quality
    patches_per_second: float
    memory: int | None
    embedding_bytes: int


def tell(message: str) -> None:
    """Report progress on the standard error."""
    print(message, file=sys.stderr, flush=True)


def open_encoder(choice: str, device: torch.device, precision: str) -> Encoder:
    """Load an encoder by ``NAME``, ``NAME=FILE`` or ``=FILE``.

    Parameters
    ----------
    choice : str
        A name that :func:`napari_dinosim.load_encoder` knows, or ``random-vit``; ``=FILE``: told by the weights.
    device : torch.device
    precision : str

    Raises
    ------
    DinosimError
        See :func:`napari_dinosim.load_encoder`.
    """
    name, _, weights = choice.partition("=")
    if name == RANDOM_VIT:
        return random_encoder(RANDOM_ARCHITECTURE, device, precision)
    return load_encoder(name, weights or None, str(device), precision)


def compare(
    choice: str, sets: Sequence[ImageSet], device: torch.device, precision: str, queries: int, seed: int
) -> Iterator[Comparison]:
    """Rank the patches of each set with one encoder.

    Parameters
    ----------
    choice, device, precision
        See :func:`open_encoder`.
    sets : sequence of ImageSet
    queries, seed : int
        How many patches to query in each set, and of their draw.
    """
    from ranking import embed_set, rank_patches

    with PeakMemory(device) as memory:
        encoder = open_encoder(choice, device, precision)
        for images in sets:
            memory.restart()
            patches = embed_set(images, encoder, lambda message: tell(f"{choice} · {message}"))
            needed = memory.peak
            yield Comparison(
                encoder=choice.partition("=")[0] or encoder.spec.name,
                identity=encoder.identity,
                images=images.name,
                quality=rank_patches(patches, queries, seed),
                patches_per_second=patches.per_second,
                memory=needed,
                embedding_bytes=patches.vectors.nbytes,
            )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; all columns but the first two are flush right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width if column < 2 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = [
        [cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(pairs)]
        for pairs in (zip(row, widths, strict=True) for row in (head, *rows))
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (lines[0], rule, *lines[1:]))


def comparison_table(rows: Sequence[Comparison]) -> str:
    """One line per image set and encoder, the sets together."""
    head = ("images", "encoder", "AUROC", "AP", "best IoU", "share", "patches/s", "memory MB", "embeddings MB")
    order = list(dict.fromkeys(row.images for row in rows))
    cells = [
        (
            row.images,
            row.encoder,
            *(_told(score) for score in (row.quality.auroc, row.quality.ap, row.quality.iou)),
            f"{row.quality.share:.3f}",
            f"{row.patches_per_second:.0f}",
            _megabytes(row.memory),
            f"{row.embedding_bytes / MEGA:.1f}",
        )
        for row in sorted(rows, key=lambda row: order.index(row.images))
    ]
    return table(head, cells)


def speed_table(rows: Sequence[Speed]) -> str:
    """One line per measured combination."""
    head = ("encoder", "precision", "side px", "batch", "ms per batch", "patches/s", "memory MB")
    cells = [
        (
            row.encoder,
            row.precision,
            str(row.side),
            str(row.batch),
            f"{row.milliseconds:.1f}",
            f"{row.patches_per_second:.0f}",
            _megabytes(row.memory),
        )
        for row in rows
    ]
    return table(head, cells)


def _told(score: Score) -> str:
    return f"{score.mean:.3f}" + ("" if math.isnan(score.error) else f" ± {score.error:.3f}")


def _megabytes(count: int | None) -> str:
    return "?" if count is None else f"{count / MEGA:.0f}"


def plain(value: object) -> object:
    """Put NaN, which JSON lacks, as None."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", nargs="?", type=Path, help="images and masks; without it, images from inside scikit-image")
    add("--encoder", action="append", metavar="NAME[=FILE]", help=f"may be repeated; 'builtin' and '{RANDOM_VIT}' too")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    add("--precision", default="auto", help="auto, float32, bfloat16 (--speed: auto measures both)")
    add("--queries", type=_count, default=DEFAULT_QUERIES, help="patches to click on in each image set, at most")
    add("--seed", type=int, default=0, help="of the draw of queries")
    add("--ignore", type=int, action="append", default=[], metavar="VALUE", help="of masks: takes no part")
    add("--objects", action="store_true", help="masks number objects of one kind: all values above 0 are one label")
    add("--mosaics", type=_count, default=4, help="texture mosaics where no folder is given")
    add("--json", type=Path, metavar="FILE", help="write all figures there too")
    add("--speed", action="store_true", help="only measure speed and memory, with random weights")
    add("--random", action="append", metavar="ARCHITECTURE", help="for --speed: a name of timm's; may be repeated")
    add("--side", type=_count, action="append", help=f"for --speed: pixels, instead of {', '.join(map(str, SIZES))}")
    add("--batch", type=_count, action="append", help="for --speed: windows at once, instead of 1")
    return parser


def _count(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number, at least 1")
    return int(text)


def run_speed(chosen: argparse.Namespace, device: torch.device) -> tuple[list[Speed], list[str]]:
    """Measure all architectures; one that fails is told and left out."""
    rows, failed = [], []
    precisions = ("float32", "bfloat16") if chosen.precision == "auto" else (chosen.precision,)
    for name in chosen.random or [RANDOM_ARCHITECTURE]:
        try:
            for row in measure_speed(name, device, chosen.side or SIZES, chosen.batch or (1,), precisions, tell=tell):
                tell(f"{row.encoder}, {row.precision}, {row.side} px, batch of {row.batch}: {row.milliseconds:.1f} ms")
                rows.append(row)
        except DinosimError as error:
            failed.append(f"{name}: {error}")
            tell(failed[-1])
    return rows, failed


def run_comparison(chosen: argparse.Namespace, device: torch.device) -> tuple[list[Comparison], list[str]]:
    """Compare all encoders; one that fails is told and left out."""
    from labelled import read_folder, shipped_sets

    if find_spec("sklearn") is None:
        raise DinosimError("scikit-learn: found none, expected it for AUROC and AP. Run: pip install scikit-learn")
    own, folder = chosen.mosaics, chosen.folder
    sets = shipped_sets(own) if folder is None else [read_folder(folder, chosen.ignore, chosen.objects)]
    rows, failed = [], []
    for choice in chosen.encoder or ["builtin", RANDOM_VIT]:
        try:
            for row in compare(choice, sets, device, chosen.precision, chosen.queries, chosen.seed):
                rows.append(row)  # one by one: what was measured before an encoder fails is kept
        except DinosimError as error:
            failed.append(f"{choice}: {error}")
            tell(failed[-1])
    return rows, failed


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    parser = arguments()
    chosen = parser.parse_args(argv)
    if chosen.speed and (chosen.folder or chosen.encoder):
        parser.error("--speed takes neither images nor encoders with weights; name architectures with --random")
    if chosen.random and not chosen.speed:
        parser.error(f"--random goes with --speed; to compare on images, use --encoder {RANDOM_VIT}")
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json: found no folder {str(chosen.json.parent)!r}; make it first")
    rows: Sequence[Speed | Comparison]
    try:
        device = resolve_device(chosen.device)
        tell(f"torch {torch.__version__} on {describe_device(device)}")
        rows, failed = run_speed(chosen, device) if chosen.speed else run_comparison(chosen, device)
    except DinosimError as error:
        tell(str(error))
        return WRONG_USE
    if rows:
        print(speed_table(rows) if chosen.speed else comparison_table(rows))
    if failed:
        tell("left out: " + ", ".join(failure.partition(":")[0] for failure in failed))
    if chosen.json:
        told = {"device": describe_device(device), "torch": torch.__version__, "left_out": failed}
        told["rows"] = [plain(asdict(row)) for row in rows]
        chosen.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return (SOME_FAILED if rows else WRONG_USE) if failed else 0


if __name__ == "__main__":
    sys.exit(main())
