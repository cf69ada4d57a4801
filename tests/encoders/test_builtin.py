"""The built-in encoder against planted textures, colours and borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dinosim import embed
from napari_dinosim.encoders import _texture, available_encoders, builtin, encoder_spec
from napari_dinosim.encoders._constants import FILE, WEIGHTS, blocks
from napari_dinosim.encoders.builtin import BuiltinEncoder
from napari_dinosim.errors import EncodingError, OutOfMemoryError
from napari_dinosim.similarity import unit_vectors


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Coloured noise of shape (1, H, W, 3)."""
    return torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(seed))


def grey(plane: torch.Tensor) -> torch.Tensor:
    return plane[None, ..., None].expand(1, *plane.shape, 3).contiguous()


def separation(tokens: torch.Tensor, labels: np.ndarray) -> float:
    """AUROC of same-label pairs, counted pair by pair."""
    units = unit_vectors(tokens).reshape(-1, tokens.shape[-1])
    kinds = torch.from_numpy(labels.ravel())
    upper = torch.triu(torch.ones(len(kinds), len(kinds), dtype=torch.bool), diagonal=1)
    cosines, same = (units @ units.T)[upper], (kinds[:, None] == kinds)[upper]
    negatives = cosines[~same].sort().values
    return float(torch.searchsorted(negatives, cosines[same]).double().mean() / len(negatives))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 16), (16, 80), (96, 160)])
def test_every_window_gives_a_grid_of_the_promised_dimension(height, width):
    encoder = BuiltinEncoder()
    tokens = encoder.encode(noise(height, width))
    assert tokens.shape == (1, height // 16, width // 16, encoder.spec.dimension)
    assert tokens.dtype == torch.float32
    assert tokens.isfinite().all()


def test_facts():
    encoder = BuiltinEncoder("cpu")
    assert (encoder.spec.name, encoder.spec.patch_size, encoder.spec.download_bytes) == ("builtin", 16, 0)
    assert "not DINO" in encoder.spec.title
    assert encoder.spec is encoder_spec("builtin") is available_encoders()[0]
    assert encoder.identity == "builtin@2"
    assert encoder.device == torch.device("cpu")
    assert encoder.windows_per_batch >= 1
    assert repr(encoder) == "<builtin@2, 16 × 16 pixels → 37 numbers, on cpu>"


def test_tokens_can_be_changed():
    tokens = BuiltinEncoder().encode(noise(32, 48))
    assert not tokens.is_inference()
    assert not tokens.requires_grad


def test_constants_fit_the_measures():
    measured = builtin.measure(noise(32, 32).permute(0, 3, 1, 2))
    assert list(measured) == list(blocks()) == list(WEIGHTS)
    for name, block in blocks().items():
        assert block.centre.shape == (measured[name].shape[1],)
        assert block.matrix.shape[1] == measured[name].shape[1]
        assert min(block.limit, block.length) > 0
    assert sum(len(block.matrix) for block in blocks().values()) == BuiltinEncoder().spec.dimension
    assert not blocks()["colours"].centre.any()  # so that a grey image has none
    assert FILE.stat().st_size < 60_000


def test_no_block_outgrows_its_limit():
    """However extreme a patch is, it outweighs no other: each block is bounded."""
    extreme = {name: torch.full((1, len(block.centre), 1, 1), 1e6) for name, block in blocks().items()}
    tokens = builtin.standardise(extreme)
    texture, colours, lightness = tokens[:, :-6], tokens[:, -6:-2], tokens[:, -2:]
    assert texture.abs().max() <= 1.001 * builtin.TEXTURE_LIMIT * WEIGHTS["texture"] / blocks()["texture"].length
    for name, part in (("colours", colours), ("lightness", lightness)):
        block = blocks()[name]
        assert float(part.norm()) == pytest.approx(WEIGHTS[name] * block.limit / block.length, rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_constant_image_is_finite_and_the_same_everywhere(value):
    tokens = BuiltinEncoder().encode(torch.full((1, 80, 112, 3), value))
    assert tokens.isfinite().all()
    assert (tokens - tokens[:, :1, :1]).abs().max() < 1e-4


def test_same_input_gives_equal_tokens():
    image = noise(96, 128)
    assert torch.equal(BuiltinEncoder().encode(image), BuiltinEncoder().encode(image.clone()))


def test_windows_of_a_batch_do_not_touch():
    windows = torch.cat([noise(64, 96, seed) for seed in range(3)])
    order = [2, 0, 1]
    tokens = BuiltinEncoder().encode(windows)
    assert torch.allclose(BuiltinEncoder().encode(windows[order]), tokens[order], atol=1e-5)
    assert torch.allclose(BuiltinEncoder().encode(windows[1:2]), tokens[1:2], atol=1e-5)
    assert not torch.allclose(tokens[0], tokens[1], atol=1e-2)


def test_translation_by_whole_patches_moves_the_grid():
    scene = noise(384, 416)
    here = BuiltinEncoder().encode(scene[:, :336, :336])[0]
    there = BuiltinEncoder().encode(scene[:, 32:368, 48:384])[0]
    inner = slice(7, 12)
    assert torch.allclose(here[9:14, 10:15], there[inner, inner], atol=1e-3)
    assert not torch.allclose(here[inner, inner], there[inner, inner], atol=1e-2)


def test_mirrored_image_gives_the_mirrored_grid():
    """Neither the pyramid nor the patterns may lean to one side, nor rows be taken for columns."""
    image = grey(noise(96, 160)[0, ..., 0])
    there = builtin.measure(image.flip(2).permute(0, 3, 1, 2))
    for name, values in builtin.measure(image.permute(0, 3, 1, 2)).items():
        difference = (there[name].flip(3) - values).abs()
        assert difference[:, :30].max() < 1e-3, name
        assert difference.max() < 0.03  # the filters skip pixels


def test_window_borders_do_not_imprint():
    """Outermost patches of one texture are nearly as alike as inner ones, even next to a planted black corner."""
    tokens = unit_vectors(BuiltinEncoder().encode(grey(noise(320, 320)[0, ..., 0]))[0])
    centre = tokens[8:12, 8:12].mean(dim=(0, 1))
    cosines = tokens @ centre
    border = torch.cat([cosines[0], cosines[-1], cosines[:, 0], cosines[:, -1]])
    assert border.min() > 0.9 * cosines[5:15, 5:15].min()
    bare = torch.nn.functional.pad(grey(noise(320, 320)[0, ..., 0])[..., 0], (0, 64, 0, 64))[0]
    padded = unit_vectors(BuiltinEncoder().encode(grey(bare))[0]) @ centre
    assert padded[:15, :15].min() > 0.8
    assert padded[-1].max() < padded[:15, :15].min()


@pytest.mark.parametrize(("height", "width"), [(100, 150), (96, 150), (100, 160), (3, 150), (1, 1)])
def test_black_padding_does_not_imprint(height, width):
    """The last row and column of one texture are as alike to the inside as inner patches are to each other."""
    vectors = embed(noise(height, width, 5)[0].numpy(), BuiltinEncoder()).vectors
    assert vectors.isfinite().all()
    rows, cols = vectors.shape[:2]
    if rows > 4:
        inside = vectors[1 : rows - 2, 1 : cols - 2].flatten(0, 1)
        last = torch.cat([vectors[-1], vectors[:, -1]])
        assert (last @ inside.T).mean() > (inside @ inside.T).mean() - 0.05
        assert (last @ inside.T).min() > (inside @ inside.T).min() - 0.15


def test_padding_is_filled_by_mirroring():
    image = noise(48, 64).permute(0, 3, 1, 2)
    image[:, :, 41:] = 0
    image[:, :, :, 60:] = 0
    filled = builtin.unpadded(image)
    assert torch.equal(filled[:, :, :41, :60], image[:, :, :41, :60])
    assert torch.equal(filled[:, :, 41:, :60], image[:, :, 34:41, :60].flip(2))
    assert torch.equal(filled[:, :, :, 60:], filled[:, :, :, 56:60].flip(3))


def test_only_narrow_black_margins_are_padding():
    kept = noise(48, 64).permute(0, 3, 1, 2)
    kept[:, :, 32:] = 0  # a whole patch of black is part of the picture
    kept[:, :, :7] = 0  # padding is never on top
    black = torch.zeros(1, 3, 32, 48)
    assert torch.equal(builtin.unpadded(kept), kept)
    assert torch.equal(builtin.unpadded(black), black)
    padded = kept.clone()
    padded[:, :, :, 55:] = 0
    both = builtin.unpadded(torch.cat([kept, padded]))
    assert torch.equal(both[0], kept[0])
    assert (both[1, :, 7:32] != 0).any(dim=0).all()


def test_a_padded_texture_is_found_up_to_the_last_row_and_column():
    """Stripes planted beside noise, in an image that is not a whole number of patches."""
    rows, cols = np.mgrid[:100, :150]
    stripes = 0.2 + 0.6 * (rows // 2 % 2)
    image = np.where(cols < 70, noise(100, 150, 6)[0, ..., 0].numpy(), stripes).astype(np.float32)
    embeddings = embed(image, BuiltinEncoder())
    scores = embeddings.cosine(embeddings.query([(50, 120)]))
    assert scores[:, 6:].min() > scores[:, :3].max() + 0.3


def test_patterns_outlive_a_change_of_grey_levels():
    levels = (grey(noise(96, 128)[0, ..., 0]) * 255).round() / 255
    changed = 0.1 + 0.8 * levels**1.7
    plain, bent = (builtin.measure(image.permute(0, 3, 1, 2)) for image in (levels, changed))
    difference = (plain["texture"] - bent["texture"]).abs()
    assert difference[:, :10].max() < 1e-2
    assert difference[:, 10:30].max() < 0.15
    assert (plain["lightness"] - bent["lightness"]).abs().max() > 0.02


def test_histograms_are_whole():
    patterns = builtin.measure(noise(64, 96).permute(0, 3, 1, 2))["texture"][:, :30].unflatten(1, (3, 10))
    assert torch.allclose(patterns.square().sum(dim=2), torch.ones(1, 3, 4, 6), atol=1e-4)


def test_uniform_bins_count_neighbours_in_one_run():
    bins = _texture.uniform_bins()
    assert [int(bins[code]) for code in (0b0, 0b1, 0b1111, 0b11000001, 0b11111111)] == [0, 1, 4, 3, 8]
    assert [int(bins[code]) for code in (0b101, 0b1010101, 0b11011)] == [9, 9, 9]
    assert int((bins < 9).sum()) == 58  # Ojala 2002


def test_margins_mirror_even_planes_smaller_than_them():
    wide = _texture.mirrored(torch.tensor([[1.0, 2.0, 3.0]]), 4)
    assert wide.tolist() == [[3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1]] * 9


def test_patterns_of_planted_points():
    """A bright point is bin 0 (no neighbour reaches it), a flat place bin 8 (all do)."""
    plane = torch.zeros(1, 1, 48, 48)
    plane[0, 0, 20, 25] = 1
    fine = _texture.pattern_histograms(plane)[0, 0]
    assert fine[0, 1, 1] == pytest.approx(1 / 256)
    assert fine[8, 0, 0] == 1
    assert torch.allclose(fine.sum(dim=0), torch.ones(3, 3))


def test_gabor_energy_peaks_at_the_planted_wave():
    y, x = torch.meshgrid(torch.arange(192.0), torch.arange(192.0), indexing="ij")
    angle = np.pi * 3 / 8
    wave = 0.5 + 0.3 * torch.sin(2 * np.pi / 8 * (x * np.cos(angle) + y * np.sin(angle)))
    energies = _texture.gabor_energies(wave[None, None])[0, :, :, 6, 6]
    assert divmod(int(energies.argmax()), _texture.ORIENTATIONS) == (1, 3)


def test_two_textures_are_told_apart():
    """Fine and coarse noise of one mean and spread, in a layout that is not symmetric."""
    fine = noise(256, 320)[0, ..., 0]
    coarse = torch.nn.functional.avg_pool2d(noise(256, 320, 1)[None, 0, ..., 0], 5, 1, 2)[0]
    coarse = (coarse - coarse.mean()) / coarse.std() * fine.std() + fine.mean()
    labels = np.zeros((16, 20), dtype=int)
    labels[3:13, 8:] = 1
    mask = torch.from_numpy(np.kron(labels, np.ones((16, 16)))).bool()
    image = grey(torch.where(mask, coarse, fine).clamp(0, 1))
    assert separation(BuiltinEncoder().encode(image), labels) > 0.95


def test_two_colours_of_one_lightness_are_told_apart():
    labels = np.zeros((10, 14), dtype=int)
    labels[:6, 5:] = 1
    mask = torch.from_numpy(np.kron(labels, np.ones((16, 16)))).bool()[..., None]
    red, green = torch.tensor([0.72, 0.38, 0.38]), torch.tensor([0.3, 0.533, 0.3])
    texture = 0.06 * (noise(160, 224)[..., :1] - 0.5)
    image = torch.where(mask, red, green)[None] + texture
    tokens = BuiltinEncoder().encode(image)
    lightness = builtin.measure(image.permute(0, 3, 1, 2))["lightness"][0, 0]
    assert abs(float(lightness[2, 10] - lightness[8, 2])) < 0.02
    assert separation(tokens, labels) > 0.95
    without = BuiltinEncoder().encode(grey(_texture.lab(image.permute(0, 3, 1, 2))[0, 0]))
    assert separation(without, labels) < 0.8


def test_lab_agrees_with_scikit_image():
    color = pytest.importorskip("skimage.color")
    image = noise(16, 32)
    ours = _texture.lab(image.permute(0, 3, 1, 2))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, color.rgb2lab(image[0].numpy()) / 100, atol=2e-4)


def test_grey_image_has_no_chroma():
    colours = builtin.measure(grey(noise(64, 64)[0, ..., 0]).permute(0, 3, 1, 2))["colours"]
    assert colours.abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 20, 32, 3), (1, 32, 32, 1), (32, 32, 3), (1, 0, 32, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(EncodingError, match=r"windows for 'builtin': found shape .*, expected \(B, H, W, 3\)"):
        BuiltinEncoder().encode(torch.zeros(shape))


def test_failing_device_is_reported(monkeypatch):
    def fail(rgb):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(builtin, "measure", fail)
    with pytest.raises(OutOfMemoryError, match=r"memory of cpu: found too little for 'builtin' \(no memory left\)"):
        BuiltinEncoder().encode(noise(16, 16))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_accelerator_agrees_with_cpu():
    image = noise(128, 192)
    near, far = (unit_vectors(BuiltinEncoder(device).encode(image)).cpu() for device in ("cpu", "cuda"))
    assert (near * far).sum(dim=-1).min() > 0.999
