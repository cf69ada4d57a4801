"""What the files hold of choices beside the encoder and the tools.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

from dataclasses import dataclass, field
from typing import Literal

from napari_dinosim.intensity import Intensity
from napari_dinosim.plan import Scope
from napari_dinosim.prompts import Combine
from napari_dinosim.scoring import Normalisation


@dataclass(frozen=True, slots=True)
class ResolutionRecord:
    """How much of the sample a patch was to cover, as a person chose it; each image has what came of it.

    Parameters
    ----------
    cover : {"native", "pixels", "length"}
    pixels : float
        That a patch covers along each side, where that was chosen.
    length : float
        Or what it covers of the sample, in a unit.
    unit : str
    """

    cover: Literal["native", "pixels", "length"] = "native"
    pixels: float = 32.0
    length: float = 10.0
    unit: str = "micrometer"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen beside the encoder.

    Parameters
    ----------
    combine : {"max", "mean", "top"}
        How the cosines of several prompts become one.
    scope : {"all", "plane", "field"}
        How much of each image is embedded.
    normalisation : {"plane", "stack", "shared", "cosine"}
        Over what maps are stretched.
    threshold : float, optional
        Cosine under which the best of an image is no match.
    intensity : Intensity
        How images are read that have no choice of their own.
    shared : bool
        Whether all images are read by one pair of limits that holds those of each.
    resolution : ResolutionRecord
        How much of the sample a patch was to cover.
    """

    combine: Combine = "max"
    scope: Scope = "all"
    normalisation: Normalisation = "plane"
    threshold: float | None = None
    intensity: Intensity = field(default_factory=Intensity)
    shared: bool = False
    resolution: ResolutionRecord = field(default_factory=ResolutionRecord)
