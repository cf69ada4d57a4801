"""What the files hold of images: values, frozen. ``docs/sessions.md`` tells the JSON, by the same names.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

import base64
import binascii
import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_dinosim.errors import RecordError
from napari_dinosim.intensity import Intensity

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array of numbers.

    Parameters
    ----------
    shape : tuple of int
    float32 : str
        The values, row after row, little-endian float32 in base64.

    Raises
    ------
    RecordError
        If these are not so many finite numbers.

    Examples
    --------
    >>> Numbers.of([[0.5, 1.0]]).array().tolist()
    [[0.5, 1.0]]
    """

    shape: tuple[int, ...]
    float32: str

    def __post_init__(self) -> None:
        count = math.prod(self.shape)
        try:
            raw = base64.b64decode(self.float32, validate=True)
        except (binascii.Error, ValueError):
            raise RecordError(
                f"numbers: found text that is no base64, expected {count} numbers. Save the file anew."
            ) from None
        if min(self.shape, default=1) < 0 or len(raw) != 4 * count:
            raise RecordError(
                f"numbers: found {len(raw)} bytes for shape {self.shape}, expected {4 * max(count, 0)}. "
                "Save the file anew."
            )
        if not np.isfinite(np.frombuffer(raw, "<f4")).all():
            raise RecordError("numbers: found NaN or ±inf, expected finite numbers. Save the file anew.")

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Take the values of an array, rounded to float32."""
        array = np.ascontiguousarray(values, dtype="<f4")
        return cls(array.shape, base64.b64encode(array.tobytes()).decode("ascii"))

    def array(self) -> NDArray[np.float32]:
        """Values, of :attr:`shape`, float32."""
        found = np.frombuffer(base64.b64decode(self.float32), "<f4").reshape(self.shape)
        return found.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Signature:
    """What an image's pixels are known by; see :func:`napari_dinosim.records.signature.sign`.

    Parameters
    ----------
    shape : tuple of int
        Of the array, at full resolution, colours included.
    dtype : str
        Name of its type: ``"uint16"``.
    sha256 : str
        Of a bounded sample of its values, in hexadecimal digits.
    """

    shape: tuple[int, ...]
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layer lies in the world, as napari says it.

    Parameters
    ----------
    scale, translate : tuple of float
        Per axis.
    rotate : tuple of tuple of float
        Matrix.
    shear : tuple of float
        Above the diagonal, row after row.
    affine : tuple of tuple of float
        Matrix in homogeneous coordinates.
    units, axis_labels : tuple of str
        Per axis.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: tuple[tuple[float, ...], ...]
    shear: tuple[float, ...]
    affine: tuple[tuple[float, ...], ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """One channel of a composition; see :class:`napari_dinosim.Channel`.

    Parameters
    ----------
    name : str
    colormap : str
        Its name in napari.
    colours : Numbers of shape (N, 3) or (N, 4)
        RGB or RGBA in [0, 1] of intensities evenly spaced from 0 to 1.
    limits : (low, high), optional
        Intensities of the first and the last colour; None where they pass through unchanged.
    gamma, opacity : float
    visible : bool
    """

    name: str
    colormap: str
    colours: Numbers
    limits: Pair | None = None
    gamma: float = 1.0
    opacity: float = 1.0
    visible: bool = True


@dataclass(frozen=True, slots=True)
class LookRecord:
    """How an image or a map looks in napari.

    Parameters
    ----------
    colormap : str, optional
        Its name; None for the one that it has by itself.
    colours : Numbers of shape (N, 4), optional
        RGBA in [0, 1], evenly spaced, of a colormap that napari does not know by name.
    gamma, opacity : float
    visible : bool
    contrast_limits : (low, high), optional
        Of a map, where a person changed them.
    """

    colormap: str | None = None
    colours: Numbers | None = None
    gamma: float = 1.0
    opacity: float = 1.0
    visible: bool = True
    contrast_limits: Pair | None = None


@dataclass(frozen=True, slots=True)
class LabelsLook:
    """How the layer of the winning classes looks in napari.

    Parameters
    ----------
    opacity : float
    visible : bool
    contour : int
        Width of outlines in pixels; 0 where areas are filled.
    """

    opacity: float
    visible: bool
    contour: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1 or self.contour < 0:
            raise RecordError(
                f"classes: found opacity {self.opacity} and contour {self.contour}, expected 0 to 1, and 0 or more. "
                "Save the session anew."
            )


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """One layer of an image: the image itself, or one of a composition.

    Parameters
    ----------
    name : str
        Shown to people.
    signature : Signature
    rgb : bool
        Whether the last axis is RGB(A).
    path, relative : str, optional
        Where its file lay when the session was saved, and the same as seen from the session file's folder; None where
        it came from no file.
    reader : str, optional
        napari's plugin that read the file.
    sample : (str, str), optional
        Plugin and name of the sample data that it is.
    contrast_limits : (low, high), optional
        Of its layer.
    placement : Placement, optional
        Where it lay in napari.
    look : LookRecord, optional
        How it looked there; None for those of a composition, of which each channel has its own.
    """

    name: str
    signature: Signature
    rgb: bool = False
    path: str | None = None
    relative: str | None = None
    reader: str | None = None
    sample: tuple[str, str] | None = None
    contrast_limits: Pair | None = None
    placement: Placement | None = None
    look: LookRecord | None = None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image that was searched, or was open and left out.

    Parameters
    ----------
    key : str
        What prompts call it; no two are the same.
    layers : tuple of LayerRecord
        One, or those of a composition.
    channels : tuple of ChannelRecord
        Of a composition: of each layer, or along the channel axis.
    channel_axis : int, optional
        Axis of the only layer, counted from the end, along which its channels are composed.
    searched : bool
        Whether it was checked.
    plane : tuple of int
        The plane on screen: see :mod:`napari_dinosim.planes`.
    intensity : Intensity, optional
        How its intensities are read where that was chosen for it alone.
    limits : (low, high), optional
        What that came to: the intensities that became 0 and 1. None where it passes through unchanged, and for
        compositions, whose channels have their own.
    covered : tuple of float, optional
        How many pixels a patch covered along each axis, colours left out; None for as many as it has.
    maps : dict of str to LookRecord
        How its maps looked: those of classes by name, the one of all by ``""``.
    classes : LabelsLook, optional
        How the layer of the winning classes looked, where there was one.
    """

    key: str
    layers: tuple[LayerRecord, ...]
    channels: tuple[ChannelRecord, ...] = ()
    channel_axis: int | None = None
    searched: bool = True
    plane: tuple[int, ...] = ()
    intensity: Intensity | None = None
    limits: Pair | None = None
    covered: tuple[float, ...] | None = None
    maps: dict[str, LookRecord] = field(default_factory=dict)
    classes: LabelsLook | None = None

    def __post_init__(self) -> None:
        if not self.layers:
            raise RecordError(f"image {self.key!r}: found no layer, expected at least one. Save the session anew.")
        expected = len(self.layers) if len(self.layers) > 1 else self._along_axis()
        if len(self.channels) != expected:
            raise RecordError(
                f"image {self.key!r}: found {len(self.channels)} channels, expected {expected}. Save the session anew."
            )

    def _along_axis(self) -> int:
        """How many channels there are along the channel axis."""
        if self.channel_axis is None:
            return 0
        shape = self.layers[0].signature.shape
        if not -len(shape) <= self.channel_axis < -2:
            raise RecordError(
                f"image {self.key!r}: found channel axis {self.channel_axis} for shape {shape}, expected one before "
                "rows and columns, counted from the end. Save the session anew."
            )
        return shape[self.channel_axis]

    @property
    def name(self) -> str:
        """``"DAPI + actin"``."""
        return " + ".join(layer.name for layer in self.layers)
