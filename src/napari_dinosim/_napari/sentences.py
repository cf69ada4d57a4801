"""Sentences and words that the window says in more than one place."""

from __future__ import annotations

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


def counted(number: int, one: str, many: str = "") -> str:
    """``"1 image"``, ``"2 images"``, ``"10 368 patches"``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(",", " ")
