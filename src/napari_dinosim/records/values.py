"""What the files hold beside images: values, frozen. ``docs/sessions.md`` tells the JSON, by the same names.

The annotations are read while the program runs, by pydantic, which checks each field of a file against them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from napari_dinosim import __version__
from napari_dinosim.errors import RecordError
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.prompts import NEGATIVE, POSITIVE, Combine, check_label
from napari_dinosim.records.drawn import RegionRecord, Scalar
from napari_dinosim.records.images import ImageRecord, Numbers
from napari_dinosim.records.settings import Settings
from napari_dinosim.records.tools import ToolChoices

VERSION = 1
"""Version of both formats that this program writes; it reads this one and all before."""

SESSION, QUERY = "napari-dinosim session", "napari-dinosim prompts"
"""What the two kinds of file say they are."""

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


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
    kept_out : bool
        Whether a point without a place is no prompt on any image until it is moved: its image was taken away, or it was
        placed in 3-D or in the grid.
    """

    place: Place | None
    label: str = POSITIVE
    world: tuple[float, ...] | None = None
    features: dict[str, Scalar] = field(default_factory=dict)
    kept_out: bool = False

    def __post_init__(self) -> None:
        check_label(self.label)


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
        check_label(self.label)


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """The encoder.

    Parameters
    ----------
    choice : EncoderChoice
    identity : str, optional
        Name and hash of the weights, and what was done to the embeddings: ``"dinov3_vits16@1f2e3d4c-centred"``. None
        where nothing was embedded yet.
    relative : str, optional
        Where the weights file of the choice lay, as seen from the session file's folder.
    """

    choice: EncoderChoice
    identity: str | None = None
    relative: str | None = None


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
        In napari, the topmost first; after them those that were not open, of which there are points or regions.
    prompts : tuple of PromptRecord
    regions : tuple of RegionRecord
    loose : tuple of LooseRecord
        Prompts that came from a file of prompts.
    classes : dict of str to int
        Numbers of the classes by name, in order; those without a prompt among them. Colours and values of labels
        follow from them.
    label : str
        What the next prompts would have been labelled.
    settings : Settings
    tools : ToolChoices
        What was chosen for what is made of maps.
    units : tuple of str
        Units of the world, per axis; those of ``world`` of the prompts.

    Raises
    ------
    RecordError
        If two images have one key, or two classes one number, or a prompt or region lies in an image that is not
        there.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    format: Literal["napari-dinosim session"] = "napari-dinosim session"
    version: int = VERSION
    written_by: str = __version__
    encoder: EncoderRecord
    images: tuple[ImageRecord, ...] = ()
    prompts: tuple[PromptRecord, ...] = ()
    regions: tuple[RegionRecord, ...] = ()
    loose: tuple[LooseRecord, ...] = ()
    classes: dict[str, int] = field(default_factory=dict)
    label: str = POSITIVE
    settings: Settings = field(default_factory=Settings)
    tools: ToolChoices = field(default_factory=ToolChoices)
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for label in (self.label, *self.classes):
            check_label(label)
        numbers = list(self.classes.values())
        if len(set(numbers)) < len(numbers) or min(numbers, default=0) < 0 or {POSITIVE, NEGATIVE} & set(self.classes):
            raise RecordError(
                f"classes: found {self.classes}, expected a number from 0 for each class, no two the same, none for "
                f"{POSITIVE!r} and {NEGATIVE!r}. Save the session anew."
            )
        counts = Counter(image.key for image in self.images)
        doubled = next((key for key, count in counts.items() if count > 1), None)
        if doubled is not None:
            raise RecordError(f"images: found two of key {doubled!r}, expected one of each. Save the session anew.")
        placed = [("prompts", prompt.place.image) for prompt in self.prompts if prompt.place is not None]
        for field_, image in [*placed, *(("regions", region.image) for region in self.regions)]:
            if image is not None and image not in counts:
                raise RecordError(
                    f"{field_}: found one in image {image!r}, expected one of "
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
    combine : {"max", "mean", "top"}

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
        for label in self.labels:
            check_label(label)


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
