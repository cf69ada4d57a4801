"""Writes the table of encoders in ``encoders.md`` from the catalogue: ``python docs/encoder_table.py``."""

from __future__ import annotations

import re
from pathlib import Path

from napari_dinosim import available_encoders
from napari_dinosim.encoders.catalogue import BUILTIN_NAME

PAGE = Path(__file__).parent / "encoders.md"
PLACE = re.compile(r"(?<=<!-- catalogue -->\n).*?(?=<!-- end of the catalogue -->)", re.DOTALL)
HEAD = ("name", "patch", "D", "parameters", "download", "memory", "licence", "hub")


def size(count: float) -> str:
    """Say a number of bytes as people do; nothing where there are none."""
    return "" if not count else f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def table() -> str:
    """One row per encoder that has a name of its own, the built-in one first."""
    lines = [HEAD, tuple("---" for _ in HEAD)]
    for spec in available_encoders():
        hub = spec.hub_repo and f"[timm](https://huggingface.co/{spec.hub_repo})"
        parameters = f"{spec.parameters / 1e6:.1f} M" if spec.parameters else ""
        licence = "" if spec.name == BUILTIN_NAME else spec.licence
        lines.append(
            (
                f"`{spec.name}`",
                str(spec.patch_size),
                str(spec.dimension),
                parameters,
                size(spec.download_bytes) or "none",
                size(spec.memory_per_1000_patches),
                licence,
                hub,
            )
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def updated(page: str) -> str:
    """Return the page with its table made anew."""
    return PLACE.sub(lambda _found: f"\n{table()}\n", page)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
