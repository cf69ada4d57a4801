"""The scripting example of the project, as a person would type it, with the built-in encoder and no window."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from napari_dinosim import samples

EXAMPLE = """
import napari_dinosim as dinosim
encoder = dinosim.load_encoder("builtin", device="cpu")
a, b = dinosim.embed(image_a, encoder), dinosim.embed(image_b, encoder)   # PatchEmbeddings
query = a.query([(120, 88)])                                 # (row, col) pixels
score = b.cosine(query)                                      # (rows, cols), [-1, 1]
heat = b.similarity_map(query)                               # (H, W) float32 ndarray, [0, 1]
a.vectors                                                    # (rows, cols, D) tensor, unit length; a.grid is its grid
"""


def run(image_a, image_b) -> dict:
    names = {"image_a": image_a, "image_b": image_b}
    exec(EXAMPLE, names)
    return names


@pytest.fixture(scope="module")
def found() -> dict:
    return run(*samples.pair())


def test_the_example_gives_what_it_promises(found):
    score, heat, a, b = (found[name] for name in ("score", "heat", "a", "b"))
    assert score.shape == b.grid.shape == (32, 47)
    assert score.dtype == torch.float32
    assert score.min() >= -1
    assert score.max() <= 1
    assert (heat.shape, heat.dtype) == ((500, 741), np.float32)
    assert heat.min() == 0
    assert heat.max() == pytest.approx(1, abs=1e-6)
    assert a.vectors.shape == (32, 47, found["encoder"].spec.dimension)
    np.testing.assert_allclose(a.vectors.norm(dim=-1), 1, atol=1e-5)
    assert a.grid.image_shape == (500, 741)


def test_the_map_is_the_score_stretched_and_enlarged(found):
    score, heat = found["score"].double().numpy(), found["heat"]
    stretched = (score - score.min()) / (score.max() - score.min() + 1e-8)
    expected = np.kron(stretched, np.ones((16, 16)))[:500, :741]
    np.testing.assert_allclose(heat, expected, atol=1e-5)


def test_the_same_textures_are_found_in_another_image():
    """Click on grass in one mosaic; the grass of another, laid otherwise, is more alike than brick and gravel."""
    mosaic = samples.textures(320, 480)
    names = run(mosaic, mosaic[::-1, ::-1].copy())
    clicked = (120 // 160 + 2 * (88 // 160)) % 3
    y, x = np.mgrid[:320, :480][:, ::-1, ::-1]
    same = (y // 160 + 2 * (x // 160)) % 3 == clicked
    assert names["heat"][same].mean() > names["heat"][~same].mean() + 0.2


def test_two_images_of_other_sizes_and_types():
    names = run(samples.textures(130, 150), samples.stack()[1])
    assert names["heat"].shape == (300, 400)
    assert np.isfinite(names["heat"]).all()


def test_scripting_needs_neither_napari_nor_qt():
    code = textwrap.dedent("""
        import sys
        from napari_dinosim import samples
        image_a, image_b = samples.textures(130, 150), samples.textures(130, 150)
    """)
    report = "print({'napari', 'qtpy', 'PyQt6', 'PySide6', 'magicgui'} & {name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + EXAMPLE + report], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
