"""What the files hold: values, frozen. Their names are those of the JSON; ``docs/sessions.md`` tells them all.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

import base64
import binascii
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict

from napari_dinosim import __version__
from napari_dinosim.errors import RecordError
from napari_dinosim.intensity import Intensity
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.plan import Scope
from napari_dinosim.prompts import Combine
from napari_dinosim.scoring import Normalisation

VERSION = 1
"""Version of both formats that this program writes; it reads this one and all before."""

SESSION, QUERY = "napari-dinosim session", "napari-dinosim prompts"
"""What the two kinds of file say they are."""

POSITIVE = "positive"
"""Label of a prompt that stands for what is looked for."""

Pair = tuple[float, float]
Scalar = str | bool | int | float | None
"""What a feature of a point may be."""

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


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
class Look:
    """How a channel of a composition looks; see :class:`napari_dinosim.Channel`.

    Parameters
    ----------
    colormap : str
        Its name in napari.
    colours : Numbers of shape (N, 4)
        RGBA in [0, 1] of intensities evenly spaced from 0 to 1.
    gamma, opacity : float
    visible : bool
    """

    colormap: str
    colours: Numbers
    gamma: float = 1.0
    opacity: float = 1.0
    visible: bool = True


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """One array of an image: the image itself, or a channel of a composition.

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
    look : Look, optional
        Of a channel of a composition.
    placement : Placement, optional
        Where it lay in napari.
    """

    name: str
    signature: Signature
    rgb: bool = False
    path: str | None = None
    relative: str | None = None
    reader: str | None = None
    sample: tuple[str, str] | None = None
    contrast_limits: Pair | None = None
    look: Look | None = None
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image that was searched, or was open and left out.

    Parameters
    ----------
    key : str
        What prompts call it; no two are the same.
    layers : tuple of LayerRecord
        One, or the channels of a composition.
    searched : bool
        Whether it was checked.
    plane : tuple of int
        The plane on screen: see :mod:`napari_dinosim.planes`.
    intensity : Intensity, optional
        How its intensities are read where that was chosen for it alone.
    limits : (low, high), optional
        What that came to: the intensities that became 0 and 1. None where it passes through unchanged, and for
        compositions, whose channels have their own.
    """

    key: str
    layers: tuple[LayerRecord, ...]
    searched: bool = True
    plane: tuple[int, ...] = ()
    intensity: Intensity | None = None
    limits: Pair | None = None

    def __post_init__(self) -> None:
        if not self.layers:
            raise RecordError(f"image {self.key!r}: found no layer, expected at least one. Save the session anew.")

    @property
    def name(self) -> str:
        """``"DAPI + actin"``."""
        return " + ".join(layer.name for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a prompt lies in an image: y and x in pixels of a plane, pixel centres at integers."""

    image: str
    y: float
    x: float
    plane: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """One clicked place.

    Parameters
    ----------
    place : Place, optional
        Where it lies in an image; None for a point that lay in none that was searched.
    label : str
        "positive", "negative" or the name of a class.
    world : tuple of float, optional
        Where it lay in napari's world.
    features : dict of str to str, bool, int, float or None
        What else the person noted at the point.
    """

    place: Place | None
    label: str = POSITIVE
    world: tuple[float, ...] | None = None
    features: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LooseRecord:
    """A prompt that came from a file of prompts: it lies in no image.

    Parameters
    ----------
    vector : Numbers of shape (D,)
        Unit vector.
    encoder : str
        Identity of the encoder that made it.
    label : str
    """

    vector: Numbers
    encoder: str
    label: str = POSITIVE

    def __post_init__(self) -> None:
        if len(self.vector.shape) != 1 or not self.vector.shape[0]:
            raise RecordError(f"vector: found shape {self.vector.shape}, expected (D,). Save the session anew.")


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """The encoder.

    Parameters
    ----------
    choice : EncoderChoice
    identity : str, optional
        Name and hash of the weights, and what was done to the embeddings: ``"dinov3_vits16@1f2e3d4c-centred"``. None
        where nothing was embedded yet.
    """

    choice: EncoderChoice
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen beside the encoder.

    Parameters
    ----------
    combine : {"max", "mean"}
        How the cosines of several prompts become one score.
    scope : {"all", "plane", "field"}
        How much of each image is embedded.
    normalisation : {"plane", "stack"}
        Over what maps are stretched.
    intensity : Intensity
        How images are read that have no choice of their own.
    shared : bool
        Whether all images are read by one pair of limits that holds those of each.
    """

    combine: Combine = "max"
    scope: Scope = "all"
    normalisation: Normalisation = "plane"
    intensity: Intensity = field(default_factory=Intensity)
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as a file holds it.

    Parameters
    ----------
    format, version
        What the file says it is.
    written_by : str
        Version of the program that wrote it.
    encoder : EncoderRecord
    images : tuple of ImageRecord
        In napari, the topmost first.
    prompts : tuple of PromptRecord
    loose : tuple of LooseRecord
        Prompts that came from a file of prompts.
    settings : Settings
    units : tuple of str
        Units of the world, per axis; those of ``world`` of the prompts.

    Raises
    ------
    RecordError
        If two images have one key, or a prompt lies in an image that is not there.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    format: Literal["napari-dinosim session"] = "napari-dinosim session"
    version: int = VERSION
    written_by: str = __version__
    encoder: EncoderRecord
    images: tuple[ImageRecord, ...] = ()
    prompts: tuple[PromptRecord, ...] = ()
    loose: tuple[LooseRecord, ...] = ()
    settings: Settings = field(default_factory=Settings)
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = Counter(image.key for image in self.images)
        doubled = next((key for key, count in counts.items() if count > 1), None)
        if doubled is not None:
            raise RecordError(f"images: found two of key {doubled!r}, expected one of each. Save the session anew.")
        for prompt in self.prompts:
            if prompt.place is not None and prompt.place.image not in counts:
                raise RecordError(
                    f"prompts: found one in image {prompt.place.image!r}, expected one of "
                    f"{', '.join(map(repr, counts)) or 'no images'}. Save the session anew."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRecord:
    """Prompts with their vectors, as a file holds them: a query for images that are not there yet.

    Parameters
    ----------
    format, version
        What the file says it is.
    written_by : str
        Version of the program that wrote it.
    encoder : EncoderRecord
        What made the vectors; the identity is told.
    vectors : Numbers of shape (n, D)
        One unit vector for each prompt.
    labels : tuple of str
        One for each prompt.
    combine : {"max", "mean"}

    Raises
    ------
    RecordError
        If there is not one vector for each label, or the encoder's identity is not told.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    format: Literal["napari-dinosim prompts"] = "napari-dinosim prompts"
    version: int = VERSION
    written_by: str = __version__
    encoder: EncoderRecord
    vectors: Numbers
    labels: tuple[str, ...]
    combine: Combine = "max"

    def __post_init__(self) -> None:
        shape = self.vectors.shape
        if len(shape) != 2 or shape[0] != len(self.labels) or 0 in shape:
            raise RecordError(
                f"vectors: found shape {shape}, expected ({len(self.labels)}, D), one for each label and at least one. "
                "Save the prompts anew."
            )
        if not self.encoder.identity:
            raise RecordError("encoder: found no identity, expected name and weights. Save the prompts anew.")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is other than a file says.

    Parameters
    ----------
    field : str
        What: ``"image 'retina', shape"``.
    found, expected : object
        What is here, and what the file says.
    """

    field: str
    found: Any
    expected: Any

    def __str__(self) -> str:
        return f"{self.field}: found {self.found}, expected {self.expected}"


def listed(differences: Sequence[Difference]) -> str:
    """Say all of them, one a line."""
    return "\n".join(str(difference) for difference in differences)
