"""Licences of weights that have to be acknowledged once, before the first download."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dinosim.encoders._hub_settings import read_settings, write_settings

if TYPE_CHECKING:
    from napari_dinosim.encoders.base import EncoderSpec

LICENCES_TO_ACCEPT = frozenset({"DINOv3 License"})
"""Names of the licences that bind whoever uses the weights beyond a plain open-source licence."""


def licence_needs_acceptance(spec: EncoderSpec) -> bool:
    """Whether the licence of an encoder's weights still has to be acknowledged.

    Parameters
    ----------
    spec : EncoderSpec

    Returns
    -------
    bool
        False for licences that ask for nothing, and for those already acknowledged on this computer.
    """
    return spec.licence in LICENCES_TO_ACCEPT and spec.licence not in read_settings().accepted_licences


def accept_licence(spec: EncoderSpec) -> None:
    """Remember that the licence of an encoder's weights has been acknowledged.

    Parameters
    ----------
    spec : EncoderSpec
        Any encoder under that licence: it is acknowledged for all of them.

    Raises
    ------
    DownloadError
        If this cannot be remembered.
    """
    if licence_needs_acceptance(spec):
        settings = read_settings()
        write_settings(replace(settings, accepted_licences=(*settings.accepted_licences, spec.licence)))
