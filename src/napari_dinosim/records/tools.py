"""What was chosen for what is made of maps: labels, matches, clusters, figures.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

from dataclasses import dataclass, field
from typing import Literal

from napari_dinosim.analysis.recipe import Segmentation


@dataclass(frozen=True, slots=True)
class MatchChoices:
    """Which matches are looked for.

    Parameters
    ----------
    k : int
        The most matches of one image.
    radius : float
        Smallest distance of two, in pixels of each image; 0 for two patches.
    threshold : float
        Lowest score.
    mutual : bool
        Whether a place must find a prompt again.
    """

    k: int = 10
    radius: float = 0.0
    threshold: float = 0.5
    mutual: bool = False


@dataclass(frozen=True, slots=True)
class ClusterChoices:
    """How patches are grouped.

    Parameters
    ----------
    method : {"k-means", "agglomerative"}
    count : int
        How many clusters.
    """

    method: Literal["k-means", "agglomerative"] = "k-means"
    count: int = 6


@dataclass(frozen=True, slots=True)
class FigureChoices:
    """How a figure looks.

    Parameters
    ----------
    over : bool
        Whether maps lie over the images, or beside them.
    dpi : int
        Dots per inch.
    scale_bars, caption : bool
        Whether there is a scale bar in each image, and a line that names the encoder.
    """

    over: bool = False
    dpi: int = 300
    scale_bars: bool = True
    caption: bool = True


@dataclass(frozen=True, slots=True)
class ToolChoices:
    """All of these.

    Parameters
    ----------
    segmentation : Segmentation
        How maps become labels.
    matches : MatchChoices
    likeness : float
        Cosine of two objects from which they are alike.
    clusters : ClusterChoices
    figure : FigureChoices
    """

    segmentation: Segmentation = field(default_factory=Segmentation)
    matches: MatchChoices = field(default_factory=MatchChoices)
    likeness: float = 0.8
    clusters: ClusterChoices = field(default_factory=ClusterChoices)
    figure: FigureChoices = field(default_factory=FigureChoices)
