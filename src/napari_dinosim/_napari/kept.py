"""What is remembered of a viewer while no widget shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dinosim._napari.limits import Intensities
    from napari_dinosim._napari.resolution import Resolution
    from napari_dinosim.plan import Scope
    from napari_dinosim.prompts import Combine, LoosePrompt
    from napari_dinosim.records.tools import ToolChoices
    from napari_dinosim.scoring import Normalisation


@dataclass(frozen=True, slots=True)
class Kept:
    """What a person chose of a viewer's images, for the time after the widget was closed.

    Parameters
    ----------
    unchecked : frozenset of str
        Keys of the images that are left out.
    composed : tuple of tuple of str
        Keys of the layers of each composition.
    channel_axes : tuple of (str, int)
        Layers of which the channels along an axis are composed.
    intensities : Intensities
    resolution : Resolution
    """

    unchecked: frozenset[str]
    composed: tuple[tuple[str, ...], ...]
    channel_axes: tuple[tuple[str, int], ...]
    intensities: Intensities
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class KeptChoices:
    """What a person chose for all images of a viewer, for the time after the widget was closed.

    Parameters
    ----------
    combine : {"max", "mean", "top"}
    scope : {"all", "plane", "field"}
    normalisation : {"plane", "stack", "shared", "cosine"}
    threshold : float, optional
    loose : tuple of LoosePrompt
        Prompts from files.
    tools : ToolChoices
    """

    combine: Combine
    scope: Scope
    normalisation: Normalisation
    threshold: float | None
    loose: tuple[LoosePrompt, ...]
    tools: ToolChoices
