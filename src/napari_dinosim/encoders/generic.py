"""Any model of timm's with dense features, by ``timm:NAME`` or ``hf-hub:OWNER/REPO``.

Normalisation and stride come from the model's own configuration. A repository's configuration is read as data;
code from it is never run.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import timm
import torch

from napari_dinosim.encoders.base import EncoderSpec
from napari_dinosim.encoders.building import check_state, put_state, weights_digest
from napari_dinosim.encoders.catalogue import HUB_PREFIX, IMAGENET_MEAN, IMAGENET_STD, TIMM_PREFIX
from napari_dinosim.encoders.layouts import plain_names
from napari_dinosim.errors import UnknownEncoderError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from napari_dinosim.encoders.checkpoints import Checkpoint

CONFIG_NAME: Final = "config.json"
HEADS: Final = ("head.fc.", "head.weight", "head.bias", "classifier.", "fc.")
"""Beginnings of the names of classifiers, which are left out."""

NOT_OF_THE_MODEL: Final = frozenset(
    [
        "cache_dir",
        "checkpoint_path",
        "device",
        "dtype",
        "features_only",
        "num_classes",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "scriptable",
        "exportable",
        "no_jit",
    ]
)
"""Arguments that a configuration may not set: they name other files or change what is built."""

PROBE_PATCHES: Final = (9, 7)
"""Rows and columns of the window by which a model shows that it gives tokens at any size."""


def generic_spec(name: str) -> EncoderSpec:
    """Tell what is known of a timm model before its weights are there: where they are.

    Parameters
    ----------
    name : str
        ``"timm:NAME"`` or ``"hf-hub:OWNER/REPO"``.

    Returns
    -------
    EncoderSpec
        Patch size and dimension are 0 until the model is built.

    Raises
    ------
    UnknownEncoderError
        If timm has no such model, or the repository's name is none.
    """
    model_name = name.removeprefix(TIMM_PREFIX).removeprefix(HUB_PREFIX)
    settings: dict[str, Any] = {}
    if name.startswith(TIMM_PREFIX):
        if not timm.is_model(model_name.partition(".")[0]):
            near = timm.list_models(f"*{model_name.partition('.')[0][:12]}*")[:3]
            raise UnknownEncoderError(
                f"encoder: found {name!r}, expected a model of timm {timm.__version__}"
                f"{' such as ' + ', '.join(near) if near else ''}. See timm.list_models()."
            )
        found = timm.get_pretrained_cfg(model_name)
        settings = found.to_dict() if found is not None else {}
        repo = settings.get("hf_hub_id") or ""
        repo = repo + model_name if repo.endswith("/") else repo
    else:
        repo = model_name
        if repo.count("/") != 1 or not all(repo.split("/")):
            raise UnknownEncoderError(f"encoder: found {name!r}, expected '{HUB_PREFIX}OWNER/REPO'. Correct the name.")
    return EncoderSpec(
        name=name,
        title=model_name,
        patch_size=0,
        dimension=0,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        source=f"https://huggingface.co/{repo}" if repo else "https://github.com/huggingface/pytorch-image-models",
        licence=str(settings.get("license") or "see the model's page"),
        licence_url=f"https://huggingface.co/{repo}" if repo else "",
        download_bytes=0,
        hub_repo=repo,
        family="timm",
        timm_name=model_name if name.startswith(TIMM_PREFIX) else "",
    )


def build_generic(spec: EncoderSpec, checkpoint: Checkpoint) -> tuple[nn.Module, EncoderSpec, str]:
    """Build a timm model with the weights of a checkpoint.

    Parameters
    ----------
    spec : EncoderSpec
        Of :func:`generic_spec`.
    checkpoint : Checkpoint
        In timm's layout; for ``hf-hub:`` names, with its ``config.json`` beside it.

    Returns
    -------
    model : nn.Module
        On the CPU, float32.
    spec : EncoderSpec
        With patch size, dimension, normalisation, parameters and blocks filled in.
    digest : str
        8 hexadecimal digits of the sha256 of the weights.

    Raises
    ------
    UnknownEncoderError
        If the model gives no dense features at any size.
    WeightsError
        If the weights do not fit, or ``config.json`` is missing or unreadable.
    """
    name = spec.timm_name
    arguments: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if not name:
        name, arguments, settings = _read_config(checkpoint.path)
    # First on no device: the model's sizes, which a configuration may tell, are held against the file's.
    expected = _create(name, arguments, device="meta").state_dict()
    tensors = plain_names(checkpoint.tensors)
    state = {key: tensor for key, tensor in tensors.items() if key in expected or not key.startswith(HEADS)}
    check_state(state, expected, spec.name, checkpoint.path.name)
    model = _create(name, arguments, device="cpu")
    weights = put_state(model, state)
    return model.eval(), _complete(spec, model, settings or dict(model.pretrained_cfg)), weights_digest(weights)


def _read_config(weights: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Architecture, its arguments and its preprocessing from the ``config.json`` beside the weights."""
    file = (weights if weights.is_dir() else weights.parent) / CONFIG_NAME
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        return (
            str(config["architecture"]),
            dict(config.get("model_args") or {}),
            dict(config.get("pretrained_cfg", config)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"weights: found no timm configuration at {str(file)!r}, expected one with an 'architecture'. "
            "Download the whole repository, or choose a timm model by 'timm:NAME'."
        ) from error


def _create(name: str, arguments: Mapping[str, Any], device: str) -> Any:
    """Build a model without its head, for windows of any size where its kind allows."""
    arguments = {key: value for key, value in arguments.items() if key not in NOT_OF_THE_MODEL}
    # A registered name only: with a prefix such as hf-hub: timm would go to the network, or to another folder.
    frees = (
        ({"dynamic_img_size": True}, {"strict_img_size": False}, {}) if timm.is_model(name.partition(".")[0]) else ()
    )
    for free in frees:
        try:
            return timm.create_model(
                name, pretrained=False, **{**arguments, "num_classes": 0, "device": device, **free}
            )
        except TypeError:
            continue  # this kind of model has no such argument
        except (RuntimeError, ValueError, AssertionError, AttributeError, LookupError, ArithmeticError):
            break
    raise UnknownEncoderError(
        f"encoder: timm {timm.__version__} cannot build {name!r} with {dict(arguments)!r}. "
        "Choose another model, or another version of timm."
    )


def _complete(spec: EncoderSpec, model: Any, settings: Mapping[str, Any]) -> EncoderSpec:
    """Fill in what the built model tells of itself, and see it give tokens at an odd size."""
    blocks = getattr(model, "blocks", None)
    patch = getattr(getattr(model, "patch_embed", None), "patch_size", None) if blocks is not None else None
    try:
        size = int(patch[0]) if patch and patch[0] == patch[1] else int(model.feature_info[-1]["reduction"])
        rows, cols = PROBE_PATCHES
        probe = torch.zeros(1, 3, rows * size, cols * size)
        with torch.no_grad():
            found = model.forward_intermediates(
                probe, indices=[-1], norm=True, output_fmt="NCHW", intermediates_only=True
            )
        shape = tuple(found[0].shape)
    except (RuntimeError, AttributeError, AssertionError, TypeError, ValueError, LookupError) as error:
        raise UnknownEncoderError(
            f"encoder: {spec.name!r} gives no dense features ({type(error).__name__}: {str(error)[:120]}). "
            "Choose a model with forward_intermediates() that takes images of any size."
        ) from error
    if shape[2:] != PROBE_PATCHES:
        raise UnknownEncoderError(
            f"encoder: {spec.name!r} gives tokens of shape {shape[2:]}, expected {PROBE_PATCHES}. Choose another model."
        )
    return replace(
        spec,
        patch_size=size,
        dimension=shape[1],
        mean=tuple(settings.get("mean") or IMAGENET_MEAN),
        std=tuple(settings.get("std") or IMAGENET_STD),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        prefix_tokens=int(getattr(model, "num_prefix_tokens", 0)),
        blocks=len(blocks) if patch and blocks is not None else 1,
    )
