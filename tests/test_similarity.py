"""Unit vectors, cosines and min–max, against numpy in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_dinosim import similarity
from napari_dinosim.errors import EncoderMismatchError
from napari_dinosim.similarity import EPSILON, Query, cosine_scores, min_max, unit_vectors


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def units(*shape: int, seed: int = 0) -> torch.Tensor:
    found = tokens(*shape, seed=seed).double().numpy()
    return torch.from_numpy(found / np.linalg.norm(found, axis=-1, keepdims=True)).float()


# --- unit vectors


def test_epsilon_is_that_of_the_seed():
    assert EPSILON == 1e-8


def test_unit_vectors_follow_the_seed():
    found, plain = unit_vectors(tokens(5, 7, 6) * 40), tokens(5, 7, 6).double().numpy() * 40
    np.testing.assert_allclose(found, plain / (np.linalg.norm(plain, axis=-1, keepdims=True) + 1e-8), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-6)


def test_epsilon_is_added_to_the_length():
    np.testing.assert_allclose(unit_vectors(torch.tensor([[3e-8, 0, 4e-8]])), [[0.5, 0, 4 / 6]], rtol=1e-5)


def test_a_zero_token_stays_zero():
    assert (unit_vectors(torch.zeros(2, 3, 4)) == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tokens_of_any_type_become_float32_before_they_are_squared(dtype):
    found = unit_vectors(torch.full((2, 4), 300.0, dtype=dtype))  # 300² is more than float16 holds
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_the_tokens_are_left_alone():
    given_tokens = tokens(3, 4)
    unit_vectors(given_tokens)
    assert torch.equal(given_tokens, tokens(3, 4))


# --- cosines


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_cosines_follow_the_seed(rows, cols, dimension, count, seed):
    vectors, query = units(rows, cols, dimension, seed=seed), units(count, dimension, seed=seed + 1)
    each = np.einsum("rcd,nd->nrc", vectors.double().numpy(), query.double().numpy())
    for combine, expected in (("max", each.max(axis=0)), ("mean", each.mean(axis=0))):
        found = cosine_scores(vectors, query, combine)
        assert found.shape == (rows, cols)
        assert found.dtype == torch.float32
        assert found.min() >= -1
        assert found.max() <= 1
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_patch_is_like_itself_and_unlike_its_opposite():
    vectors = units(4, 6, 8)
    vectors[3, 1] = -vectors[2, 5]
    scores = cosine_scores(vectors, vectors[2, 5][None])
    assert scores[2, 5] == scores.max()
    assert float(scores[2, 5]) == pytest.approx(1, abs=1e-6)
    assert float(scores[3, 1]) == pytest.approx(-1, abs=1e-6)


def test_rounding_never_leaves_the_range():
    vectors = units(200, 200, 3) * (1 + 3e-7)
    query = vectors[17, 5][None]
    assert float((vectors @ query[0]).max()) > 1
    assert float(cosine_scores(vectors, query).max()) == 1
    assert float(cosine_scores(vectors, -query).min()) == -1


def test_half_precision_is_widened_before_it_is_multiplied():
    vectors, query = units(30, 20, 64).half(), units(2, 64, seed=1)
    each = np.einsum("rcd,nd->nrc", vectors.double().numpy(), query.double().numpy())
    np.testing.assert_allclose(cosine_scores(vectors, query), each.max(axis=0), atol=1e-6)


@pytest.mark.parametrize("elements", [1, 64, 1000])
def test_half_precision_is_widened_in_pieces(monkeypatch, elements):
    whole = cosine_scores(units(11, 7, 16).half(), units(3, 16, seed=1))
    monkeypatch.setattr(similarity, "CHUNK_ELEMENTS", elements)
    np.testing.assert_allclose(cosine_scores(units(11, 7, 16).half(), units(3, 16, seed=1)), whole, atol=1e-6)


# --- min–max


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30))
def test_min_max_follows_the_seed(values):
    scores = np.array([values], dtype=np.float32)
    found = min_max(torch.from_numpy(scores)).numpy()
    exact = scores.astype(np.float64)
    expected = (exact - exact.min()) / (exact.max() - exact.min() + 1e-8)
    assert np.isfinite(found).all()
    assert found.min() == 0
    assert found.max() <= 1
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.3])
def test_a_constant_map_is_zero_and_holds_no_nan(value):
    assert (min_max(torch.full((3, 4), value)) == 0).all()


def test_epsilon_is_added_to_the_range():
    assert min_max(torch.tensor([[0.0, 1e-8]])).tolist() == [[0, pytest.approx(0.5)]]


def test_the_scores_are_left_alone():
    scores = tokens(3, 4)
    min_max(scores)
    assert torch.equal(scores, tokens(3, 4))


# --- queries


def test_joining_keeps_every_vector_in_order():
    one, two = Query(units(2, 5), "e@1", "mean"), Query(units(3, 5, seed=1), "e@1", "mean")
    joined = Query.join([one, two])
    assert torch.equal(joined.vectors, torch.cat([one.vectors, two.vectors]))
    assert (joined.encoder, joined.combine) == ("e@1", "mean")


def test_joining_is_the_maximum_of_the_parts():
    vectors = units(6, 5, 4)
    parts = [Query(units(2, 4, seed=seed), "e@1") for seed in (1, 2, 3)]
    each = torch.stack([cosine_scores(vectors, part.vectors) for part in parts])
    np.testing.assert_allclose(cosine_scores(vectors, Query.join(parts).vectors), each.amax(dim=0), atol=1e-6)


def test_queries_of_two_encoders_are_not_joined():
    with pytest.raises(EncoderMismatchError, match=r"were embedded with 'a@1' and 'b@1'\. Embed all images with one"):
        Query.join([Query(units(1, 3), "b@1"), Query(units(1, 3), "a@1")])


def test_there_must_be_something_to_join():
    with pytest.raises(ValueError, match=r"no query: found none to join, expected at least one\. Add a prompt first"):
        Query.join([])
