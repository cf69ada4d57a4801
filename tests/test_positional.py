from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

import napari_dinosim as dinosim
from napari_dinosim.embeddings import PatchEmbeddings, default_count, largest_count
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.positional import find_directions, rebound
from napari_dinosim.similarity import project_out, unit_vectors
from planted import MeanColourEncoder, planted_spec

DIMENSION = 40  # 5 % are the two directions of the planted position


@dataclass(eq=False)
class PlacedEncoder(MeanColourEncoder):
    """Mean colour in the first dimensions, and where the patch lies, along y and x, in two others."""

    strength: float = 1.0

    def encode(self, batch):
        colours = super().encode(batch)
        tokens = torch.zeros(*colours.shape[:3], DIMENSION)
        tokens[..., :3] = colours
        tokens[..., 7] = self.strength * torch.linspace(-1, 1, colours.shape[1])[:, None]
        tokens[..., 11] = self.strength * torch.linspace(-1, 1, colours.shape[2])
        return tokens


def placed(strength=1.0):
    return PlacedEncoder(planted_spec(dimension=DIMENSION), strength=strength)


@pytest.fixture
def plain_image():
    """One colour everywhere: whatever a map shows of it is position."""
    return np.full((208, 320, 3), (0.9, 0.4, 0.1), dtype=np.float32)


@pytest.fixture
def two_colours():
    image = np.full((208, 320, 3), (0.9, 0.4, 0.1), dtype=np.float32)
    image[:, 160:] = 0.1, 0.5, 0.9
    return image


def cosines(embeddings, click=(20, 40)):
    return embeddings.cosine(embeddings.query([click])).numpy()


def test_a_planted_position_is_removed(plain_image):
    encoder = placed()
    embeddings = dinosim.embed(plain_image, encoder)
    assert np.ptp(cosines(embeddings)) > 0.5
    np.testing.assert_allclose(cosines(embeddings.debiased()), 1, atol=1e-5)


def test_what_is_there_stays(two_colours):
    encoder = placed()
    scores = cosines(dinosim.embed(two_colours, encoder).debiased())
    without = cosines(dinosim.embed(two_colours, placed(strength=0)))
    np.testing.assert_allclose(scores, without, atol=1e-5)
    assert without[:, 10:].max() < 0.7 < 0.99 < without[:, :10].min()


@pytest.mark.parametrize("k", [1, 2, 10])
def test_without_a_position_maps_are_unchanged(two_colours, k):
    encoder = placed(strength=0)
    embeddings = dinosim.embed(two_colours, encoder)
    np.testing.assert_allclose(cosines(embeddings.debiased(k)), cosines(embeddings), atol=1e-3)


def test_one_direction_is_not_enough_for_two(plain_image):
    encoder = placed()
    assert np.ptp(cosines(dinosim.embed(plain_image, encoder).debiased(1))) > 0.1


def test_directions_are_orthonormal_and_few():
    directions = find_directions(placed(), 13, 20)
    assert directions.shape == (2, DIMENSION)
    torch.testing.assert_close(directions @ directions.T, torch.eye(2), atol=1e-5, rtol=0)
    assert directions[:, [7, 11]].norm() == pytest.approx(2**0.5, abs=1e-5)


def test_directions_are_found_once_per_encoder_and_window(plain_image):
    encoder = placed()
    first, second = dinosim.embed(plain_image, encoder), dinosim.embed(plain_image, encoder)
    calls = encoder.calls
    first.debiased()
    second.debiased(1)
    assert encoder.calls == calls + 1
    dinosim.embed(plain_image[:160], encoder).debiased()  # windows of another shape
    assert encoder.calls == calls + 3


def test_a_large_image_asks_for_the_shape_of_its_windows():
    encoder = placed()
    image = np.full((160, 1600, 3), (0.9, 0.4, 0.1), dtype=np.float32)
    embeddings = dinosim.embed(image, encoder)
    inner = cosines(embeddings.debiased(), (20, 40))
    np.testing.assert_allclose(inner, 1, atol=1e-4)


def test_debiased_and_plain_do_not_mix(plain_image):
    encoder = placed()
    plain = dinosim.embed(plain_image, encoder)
    with pytest.raises(ValueError, match="encoder mismatch"):
        plain.cosine(plain.debiased().query([(5, 5)]))


@pytest.mark.parametrize("k", [0, -1, 11])
def test_k_is_refused_out_of_range(plain_image, k):
    encoder = placed()
    with pytest.raises(ValueError, match=rf"k = {k}, expected 1 to 10.*Leave k out for 2"):
        dinosim.embed(plain_image, encoder).debiased(k)


def test_a_freed_encoder_is_told(plain_image):
    embeddings = dinosim.embed(plain_image, placed())
    with pytest.raises(LookupError, match=r"has been freed\. Load it and embed again"):
        embeddings.debiased()


def test_embeddings_that_do_not_know_their_encoder(plain_image):
    encoder = placed()
    debiased = dinosim.embed(plain_image, encoder).debiased()
    with pytest.raises(ValueError, match="do not know their encoder"):
        debiased.debiased()


def test_centring_lowers_the_floor_of_the_cosines(two_colours):
    encoder = MeanColourEncoder()
    embeddings = dinosim.embed(0.8 + 0.2 * two_colours, encoder)
    plain, centred = cosines(embeddings), cosines(embeddings.centred())
    assert plain.min() > 0.9
    assert centred.min() < -0.9
    mean = embeddings.vectors.mean(dim=(0, 1))
    torch.testing.assert_close(embeddings.centred().vectors, unit_vectors(embeddings.vectors - mean))
    with pytest.raises(ValueError, match="encoder mismatch"):
        embeddings.cosine(embeddings.centred().query([(5, 5)]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_centring_a_constant_image_blows_no_noise_up(dtype):
    vectors = unit_vectors(torch.rand(16) + 1e-7 * torch.randn(5, 7, 16)).to(dtype)
    centred = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(75, 110, 16), "e@1").centred()
    assert not centred.vectors.any()
    assert centred.vectors.dtype == dtype
    assert not centred.similarity_map(centred.query([(20, 90)])).any()
    vectors[3, 4] = unit_vectors(torch.randn(16)).to(dtype)  # one thing in it
    lengths = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(75, 110, 16), "e@1").centred().vectors.float().norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones(5, 7), atol=1e-3, rtol=0)


def test_projecting_out_keeps_type_and_length():
    vectors = unit_vectors(torch.randn(3, 5, 8)).half()
    direction = torch.eye(8)[:1]
    found = project_out(vectors, direction)
    assert found.dtype == torch.float16
    assert found[..., 0].abs().max() == 0
    torch.testing.assert_close(found.float().norm(dim=-1), torch.ones(3, 5), atol=1e-3, rtol=0)


def test_counts():
    assert [default_count(d) for d in (3, 40, 384, 1024)] == [1, 2, 19, 51]
    assert [largest_count(d) for d in (3, 40, 384)] == [1, 10, 96]


def test_embeddings_of_a_freed_encoder_ask_the_one_that_is_loaded_anew(plain_image):
    embeddings = dinosim.embed(plain_image, placed())
    again = placed()
    np.testing.assert_allclose(cosines(rebound(embeddings, again).debiased()), 1, atol=1e-5)
    unbound = replace(embeddings, bias=None)
    assert rebound(unbound, again) is unbound
