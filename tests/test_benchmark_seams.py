"""The measure of seams: 1 where nothing shows, more where something was planted."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_dinosim.image import image_plane
from napari_dinosim.tiling import plan_windows
from pictures import colours
from planted import MeanColourEncoder

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))  # its scripts import each other by their plain names
measuring, seams = (importlib.import_module(name) for name in ("measuring", "seams"))


class RimEncoder(MeanColourEncoder):
    """Two patches at a window's rim are others, as a transformer's may be."""

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        rim = torch.ones(tokens.shape[1:3], dtype=torch.bool)
        rim[2:-2, 2:-2] = False
        tokens[:, rim] = tokens[:, rim] * torch.tensor([1.6, 1.0, 0.6])
        return tokens


@pytest.fixture(scope="module")
def plane():
    return image_plane(colours(900, 1100) // 3 + 80)


def measured(plane, encoder, side=512):
    whole, grid, _ = seams.embedded(plane, encoder, 1100)
    vectors, _, seconds = seams.embedded(plane, encoder, side)
    windows = plan_windows(grid, side)
    assert seconds > 0
    blended = seams.compare(vectors, whole, windows)
    return blended, seams.compare(seams.hard_cut(plane, encoder, grid, windows), whole, windows)


def test_an_encoder_without_context_shows_no_seam(plane):
    for found in measured(plane, MeanColourEncoder()):
        assert found.median == pytest.approx(1, abs=1e-5)
        assert found.low == pytest.approx(1, abs=1e-5)
        assert (found.mean, found.worst) == (pytest.approx(1, abs=1e-3), pytest.approx(1, abs=1e-2))


def test_a_planted_step_is_found_on_its_line(plane):
    encoder = MeanColourEncoder()
    whole, grid, _ = seams.embedded(plane, encoder, 1100)
    windows = plan_windows(grid, 512)
    second = sorted({window.row for window in windows})[1]
    broken = whole.clone()
    broken[second:, :, 0] *= -1
    found = seams.compare(broken, whole, windows)
    assert found.worst > 5
    assert found.mean > 1.1
    inside = whole.clone()
    inside[4:, :, 0] *= -1  # a step where no windows meet is none of theirs
    assert seams.compare(inside, whole, windows).worst < 1


def test_blending_hides_what_pasting_shows(plane):
    encoder = RimEncoder()
    whole, grid, _ = seams.embedded(plane, encoder, 1100)
    windows, pasted = plan_windows(grid, 512), torch.zeros_like(whole)
    for window in windows:
        pixels, _ = plane.window(16 * window.row, 16 * window.col, 16 * window.rows, 16 * window.cols)
        tokens = torch.nn.functional.normalize(encoder.encode(torch.from_numpy(pixels)[None])[0], dim=-1)
        pasted[window.row : window.row + window.rows, window.col : window.col + window.cols] = tokens
    blended, _ = measured(plane, encoder)
    assert blended.mean < 1.1 < seams.compare(pasted, whole, windows).mean


def test_the_hard_cut_takes_each_patch_from_where_it_lies_deepest(plane):
    """Rims of two patches never win where windows overlap by eight."""
    encoder = RimEncoder()
    _, grid, _ = seams.embedded(plane, encoder, 1100)
    found = seams.hard_cut(plane, encoder, grid, plan_windows(grid, 512))
    expected = seams.embedded(plane, MeanColourEncoder(), 1100)[0]
    np.testing.assert_allclose(found[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-5)


def test_tables_are_printed(plane, capsys):
    seams.measure(MeanColourEncoder(), plane, (512, 768))
    told = capsys.readouterr().out
    assert "mean-colour, 900 × 1100 pixels in one pass" in told
    assert "| 512 | 9 | 1.00000 | 1.0000 | 1.000 | 1.0" in told
    assert "| 768 | 4 |" in told


def test_patches_of_the_random_transformer_attend_to_each_other():
    """As it is built, they do not, and no window could show."""

    def alike(encoder) -> float:
        size = encoder.spec.patch_size
        image = torch.rand(1, 8 * size, 8 * size, 3, generator=torch.Generator().manual_seed(0))
        changed = image.clone()
        changed[:, : 4 * size] = changed[:, : 4 * size] ** 4
        before, after = (torch.nn.functional.normalize(encoder.encode(batch)[0], dim=-1) for batch in (image, changed))
        return float((before * after).sum(dim=-1)[4:].mean())

    cpu = torch.device("cpu")
    assert alike(seams.mixing_vit("test_vit3")) < 0.999
    assert alike(measuring.random_encoder("test_vit3", cpu, "float32")) > 0.99999
