"""Licences of weights that have to be acknowledged once, before the first download."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dinosim.encoders._hub_settings import read_settings, write_settings

if TYPE_CHECKING:
    from napari_dinosim.encoders.base import EncoderSpec

DINOV3_LICENCE = "DINOv3 License"
"""The licence that binds whoever uses the weights beyond a plain open-source licence."""


def licence_to_accept(spec: EncoderSpec) -> str | None:
    """Name the licence of an encoder's weights if it has to be acknowledged.

    Parameters
    ----------
    spec : EncoderSpec
        From the catalogue, of timm (``"dinov3-license"``), or of a repository on the hub, whose name tells.

    Returns
    -------
    str or None
        The name; None for licences that ask for nothing, or that are not known.
    """
    bound = spec.licence.lower().startswith("dinov3") or "dinov3" in spec.hub_repo.lower()
    return DINOV3_LICENCE if bound else None


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
    name = licence_to_accept(spec)
    return name is not None and name not in read_settings().accepted_licences


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
    name, settings = licence_to_accept(spec), read_settings()
    if name is not None and name not in settings.accepted_licences:
        write_settings(replace(settings, accepted_licences=(*settings.accepted_licences, name)))
