"""Sentences and words that the window says in more than one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = "Press Start, then click on what you look for."
CLICK = "Click on what you look for."
NO_WEIGHTS = (
    "The weights of this encoder are not on this computer, and nothing is downloaded unasked. Three ways on, above: "
    "Download…, From file… or Built-in."
)
CONTRAST_CHANGED = "Its contrast limits have changed; press Start to embed it anew."
CHANNELS_CHANGED = "Its channels look otherwise now; press Start to embed it anew."
CHANNELS_MOVED = "Its channels no longer lie on each other; move them back, or separate them."
INTENSITY_CHANGED = "Its intensities are read otherwise now; press Start to embed it anew."
CHANNEL_REMOVED = "A channel was removed: the others of its composition are images of their own again."
RESOLUTION_CHANGED = "It is to be sampled otherwise now; press Start to embed it anew."

BRIEF = 20
"""Most characters of a name where there is little room."""

NAMED = 3
"""Most images that one sentence names."""


def counted(number: int, one: str, many: str = "") -> str:
    """``"1 image"``, ``"2 images"``, ``"10 368 patches"``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(",", " ")


def brief(name: str) -> str:
    """Shorten a long name where there is little room: ``"a name of ma…letters"``."""
    return name if len(name) <= BRIEF else f"{name[:12]}…{name[-7:]}"


def enumerated(names: Sequence[str]) -> str:
    """List names: ``"a and b"``, ``"a, b, c and 4 more"``."""
    more = len(names) - NAMED
    named = [*names[:NAMED], f"{more} more"] if more > 0 else list(names)
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
