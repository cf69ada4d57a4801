"""What can go wrong, by name.

Every message says what was found, what was expected and what to do.
"""

from __future__ import annotations

from typing import Literal


class DinosimError(Exception):
    """Base of every error that this package raises on purpose."""


class ImageError(DinosimError, ValueError):
    """An array cannot be read as an image."""


class ResolutionError(DinosimError, ValueError):
    """An image cannot be sampled as was asked: a zoom, an extent or a number of cells makes no sense."""


class LabelError(DinosimError, ValueError):
    """A prompt's label is no name."""


class OutsideImageError(DinosimError, ValueError):
    """A coordinate lies outside the image."""


class RegionError(DinosimError, ValueError):
    """A region is none, belongs to an image of another size, or has too few patches for what is asked of it."""


class NotEmbeddedError(DinosimError, LookupError):
    """A patch is asked for that is not embedded yet."""


class EncoderMismatchError(DinosimError, ValueError):
    """A query and the embeddings it is put to come from different encoders."""


class UnknownEncoderError(DinosimError, ValueError):
    """No encoder has the given name."""


class EncodingError(DinosimError):
    """An encoder failed while it was embedding an image.

    Deliberately no subclass of ``RuntimeError``: superqt's generator workers swallow those.
    """


class WeightsError(DinosimError, ValueError):
    """A weights file is not one, is damaged, is unsafe or belongs to another architecture."""


class WeightsNotFoundError(DinosimError, LookupError):
    """The weights of an encoder are not on this computer and could not be fetched."""


class DeviceError(DinosimError, ValueError):
    """The chosen device or precision is not to be had on this computer."""


class Cancelled(DinosimError):
    """The person cancelled; nothing is wrong."""


DownloadFailure = Literal[
    "gated",
    "missing",
    "offline",
    "no network",
    "timed out",
    "interrupted",
    "disk full",
    "corrupted",
    "server",
    "folder",
]
"""Why a download failed, in one or two words; a program can decide by it, a person reads the message."""


class DownloadError(WeightsNotFoundError):
    """The weights of an encoder could not be fetched.

    Parameters
    ----------
    message : str
        What happened, and the ways on.
    reason : str
        One of :data:`DownloadFailure`.
    """

    def __init__(self, message: str, reason: DownloadFailure) -> None:
        super().__init__(message, reason)  # both, so that the error can be pickled
        self.reason: DownloadFailure = reason

    def __str__(self) -> str:
        return str(self.args[0])


class LicenceNotAcceptedError(DinosimError):
    """The licence of the weights has to be acknowledged before they are fetched."""


class OutOfMemoryError(EncodingError):
    """The device has too little memory for what it was given; less at once may fit."""


class LayerError(DinosimError, ValueError):
    """An encoder has no such block to take patch tokens from."""


class ExportError(DinosimError):
    """A similarity map cannot be written there, or not as is asked."""


class SegmentationError(DinosimError, ValueError):
    """A map cannot be segmented as is asked."""


class SelectionError(DinosimError, ValueError):
    """Places or objects cannot be chosen as is asked."""


class FeaturesError(DinosimError, ValueError):
    """There are too few patches for what is asked of them."""


class FigureError(DinosimError, ValueError):
    """A figure cannot be drawn as is asked."""


class RecordError(DinosimError, ValueError):
    """A file of a session or of prompts cannot be written, or is not one, or not a whole one."""


class NewerRecordError(RecordError):
    """A newer version of this program wrote the file."""


class DifferenceError(DinosimError):
    """What is here is other than the file of a session says.

    Parameters
    ----------
    message : str
        What happened, and the ways on.
    differences : tuple of Difference
        In what.
    """

    def __init__(self, message: str, differences: tuple[object, ...]) -> None:
        super().__init__(message, differences)  # both, so that the error can be pickled
        self.differences = differences

    def __str__(self) -> str:
        return str(self.args[0])
