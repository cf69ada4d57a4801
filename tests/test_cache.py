"""Embeddings under a budget."""

import psutil
import pytest
import torch

from napari_dinosim.cache import CacheKey, EmbeddingCache
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.grid import PatchGrid
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.mosaic import Mosaic

ONE = 2 * 3 * 5 * 4
"""Bytes of one set of embeddings here."""


def key(source: str, plane=(), version=0, encoder="e") -> CacheKey:
    return CacheKey(source, plane, version, EncoderChoice(encoder))


def some(dtype=torch.float32) -> PatchEmbeddings:
    return PatchEmbeddings(Mosaic.of(torch.zeros(2, 3, 5, dtype=dtype)), PatchGrid(2, 3, 1), "e@1")


def held(cache: EmbeddingCache, names: str) -> str:
    return "".join(name for name in names if key(name) in cache)


def filled(budget: int, names: str) -> EmbeddingCache:
    cache = EmbeddingCache(budget)
    for name in names:
        cache.put(key(name), some())
    return cache


def test_what_is_put_is_got():
    cache, embeddings = EmbeddingCache(), some()
    assert cache.get(key("a")) is None
    assert key("a") not in cache
    cache.put(key("a"), embeddings)
    assert cache.get(key("a")) is embeddings
    assert key("a") in cache


@pytest.mark.parametrize("other", [key("b"), key("a", (1,)), key("a", (), 1), key("a", (), 0, "other")])
def test_every_part_of_a_key_counts(other):
    cache = filled(ONE, "a")
    assert cache.get(other) is None
    assert other not in cache


@pytest.mark.parametrize(("budget", "left"), [(3 * ONE, "cde"), (3 * ONE - 1, "de"), (5 * ONE, "abcde")])
def test_the_oldest_leave_when_the_budget_is_exceeded(budget, left):
    assert held(filled(budget, "abcde"), "abcde") == left


def test_what_was_used_lately_stays():
    cache = filled(3 * ONE, "abc")
    cache.get(key("a"))
    cache.put(key("d"), some())
    assert held(cache, "abcd") == "acd"


def test_looking_whether_it_is_there_is_no_use():
    cache = filled(3 * ONE, "abc")
    assert key("a") in cache
    cache.put(key("d"), some())
    assert held(cache, "abcd") == "bcd"


def test_what_is_wanted_right_now_never_leaves():
    cache = filled(2 * ONE, "ab")
    cache.put(key("c"), some(), wanted={key("a"), key("b"), key("c")})
    assert held(cache, "abc") == "abc"
    cache.put(key("d"), some(), wanted={key("a"), key("d")})
    assert held(cache, "abcd") == "ad"


def test_what_was_just_put_stays_even_beyond_the_budget():
    assert held(filled(1, "ab"), "ab") == "b"


def test_bytes_are_those_of_the_vectors():
    cache = EmbeddingCache(3 * ONE)
    for name in "abcdef":
        cache.put(key(name), some(torch.float16))
    assert held(cache, "abcdef") == "abcdef"
    cache.put(key("g"), some(torch.float16))
    assert held(cache, "abcdefg") == "bcdefg"


def test_putting_again_counts_once():
    cache = filled(3 * ONE, "abbbbb")
    cache.put(key("c"), some())
    assert held(cache, "abc") == "abc"


def test_putting_again_makes_it_the_latest():
    cache = filled(3 * ONE, "abca")
    cache.put(key("d"), some())
    assert held(cache, "abcd") == "acd"


def test_forgetting_an_input_frees_its_bytes():
    cache = EmbeddingCache(3 * ONE)
    kept = [key("b"), key("c")]
    for one in [key("a"), key("a", (1,), 2, "other"), kept[0]]:
        cache.put(one, some())
    cache.forget("a")
    assert key("a") not in cache
    assert key("a", (1,), 2, "other") not in cache
    assert kept[0] in cache
    cache.put(kept[1], some())
    cache.put(key("d"), some())
    assert all(one in cache for one in [*kept, key("d")])


def test_only_one_version_of_an_input_is_held():
    cache = EmbeddingCache()
    for one in [key("a", (), 1), key("a", (4,), 1), key("a", (), 2), key("b", (), 1)]:
        cache.put(one, some())
    cache.drop_other_versions("a", 2)
    assert [one in cache for one in [key("a", (), 1), key("a", (4,), 1), key("a", (), 2), key("b", (), 1)]] == [
        False,
        False,
        True,
        True,
    ]


def test_a_quarter_of_the_memory_is_the_budget(monkeypatch):
    memory = type("Memory", (), {"total": 4 * 2 * ONE})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    cache = EmbeddingCache()
    for name in "abc":
        cache.put(key(name), some())
    assert held(cache, "abc") == "bc"
