"""What is let go is gone at once, and one set of weights is one encoder whatever it is called."""

import gc
import weakref

import numpy as np
import pytest
import torch

from golden_weights import golden, padded, write
from napari_dinosim import load_encoder
from napari_dinosim.loading import EncoderChoice, EncoderSlot


@pytest.fixture
def no_collection(tmp_path):
    load_encoder("dinov2_vits14", write("dinov2_vits14", "timm", tmp_path), "cpu")  # first imports leave frames behind
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("name", ["dinov2_vits14", "dinov2_vits14_reg", "dinov3_vits16"])
def test_a_model_dies_when_the_encoder_changes(tmp_path, name):
    choice = EncoderChoice(name, str(write(name, "timm", tmp_path)), "cpu", "float32")
    slot = EncoderSlot()
    image, _ = golden(name)
    encoder = slot.get(choice)
    encoder.encode(padded(image, encoder.spec.patch_size))
    gone = weakref.ref(encoder), weakref.ref(encoder._replicas[0].model)
    del encoder
    slot.get(EncoderChoice("builtin", device="cpu"))
    assert [reference() for reference in gone] == [None, None]


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("timm:vit_small_patch16_dinov3_qkvb.lvd1689m", "dinov3_vits16"),
        ("timm:vit_small_patch16_dinov3.lvd1689m", "dinov3_vits16"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "dinov2_vits14"),
        ("hf-hub:timm/vit_small_patch14_reg4_dinov2.lvd142m", "dinov2_vits14_reg"),
        ("hf-hub:facebook/dinov3-vits16-pretrain-lvd1689m", "dinov3_vits16"),
    ],
)
def test_by_any_name_the_tokens_are_the_reference(tmp_path, called, name):
    encoder = load_encoder(called, write(name, "timm", tmp_path), "cpu", "float32")
    image, tokens = golden(name)
    found = encoder.encode(padded(image, encoder.spec.patch_size))[0]
    assert encoder.spec.name == name
    np.testing.assert_allclose(found.numpy(), torch.from_numpy(tokens).numpy(), atol=1e-4)
