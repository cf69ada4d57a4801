"""What the files hold of regions.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

from dataclasses import dataclass, field

import numpy as np

from napari_dinosim.errors import RecordError
from napari_dinosim.outlines import Kind, outline_of
from napari_dinosim.prompts import POSITIVE, RegionPrompt, check_label
from napari_dinosim.regions import Region

Scalar = str | bool | int | float | None
"""What a feature of a point or a region may be."""

FEWEST = {"polygon": 3, "rectangle": 4, "ellipse": 4, "path": 2, "line": 2}
"""Fewest vertices of each kind."""


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """One region.

    Parameters
    ----------
    kind : {"polygon", "rectangle", "ellipse", "path", "line"}
        As napari draws it. A path that ends just where it begins has an inside.
    image : str, optional
        Key of the image that it lies in; None where it lay in none that was searched.
    vertices : tuple of (y, x)
        In pixels of that image's plane, pixel centres at integers; of an ellipse, the four corners of the box around
        it. None where there is no image.
    plane : tuple of int
        The plane.
    label : str
        "positive", "negative" or the name of a class.
    representatives : int
        How many vectors stand for it.
    world : tuple of tuple of float
        The vertices in napari's world.
    features : dict of str to str, bool, int, float or None
        What else the person noted at it.
    kept_out : bool
        Whether one without an image is no prompt on any until it is moved: see
        :class:`~napari_dinosim.records.values.PromptRecord`.

    Raises
    ------
    RecordError
        If it lies neither in an image nor in the world, or has too few vertices for its kind.
    """

    kind: Kind
    image: str | None = None
    vertices: tuple[tuple[float, float], ...] = ()
    plane: tuple[int, ...] = ()
    label: str = POSITIVE
    representatives: int = 1
    world: tuple[tuple[float, ...], ...] = ()
    features: dict[str, Scalar] = field(default_factory=dict)
    kept_out: bool = False

    def __post_init__(self) -> None:
        check_label(self.label)
        vertices, where = (self.world, "in the world") if self.image is None else (self.vertices, "in its image")
        fewest = FEWEST[self.kind]
        exact = self.kind in ("rectangle", "ellipse")
        if len(vertices) < fewest or (exact and len(vertices) > fewest):
            raise RecordError(
                f"regions: found a shape of kind {self.kind!r} with {len(vertices)} vertices {where}, expected "
                f"{'' if exact else 'at least '}{fewest}. Save the session anew."
            )
        if self.representatives < 1:
            raise RecordError(
                f"regions: found {self.representatives} representatives, expected at least 1. Save the session anew."
            )

    @classmethod
    def of(cls, prompt: RegionPrompt) -> "RegionRecord":
        """Describe a region as it was drawn; of one that was made of a mask, by the polygon that holds its pixels."""
        region, kind = prompt.region, prompt.region.kind
        vertices = region.vertices
        if vertices is None:
            kind, vertices = "polygon", outline_of(region.inside) * region.step + (region.top, region.left)
        return cls(
            kind=kind,  # type: ignore[arg-type]
            image=prompt.source,
            vertices=tuple((float(y), float(x)) for y, x in vertices),
            plane=tuple(int(i) for i in prompt.plane),
            label=prompt.label,
            representatives=prompt.representatives,
        )

    def prompt(self, shape: tuple[int, int]) -> RegionPrompt:
        """Return the region of an image of this (height, width).

        Raises
        ------
        OutsideImageError, RegionError
            If it has no part in it.
        """
        region = Region.drawn(self.kind, np.array(self.vertices, dtype=float), shape)
        return RegionPrompt(self.image or "", region, self.plane, self.label, self.representatives)
