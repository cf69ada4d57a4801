"""Our columns beside a person's in the features of a Labels layer: theirs stay, whatever they are called."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from napari.layers import Labels

from napari_dinosim._napari.feature_table import Vector, numbers_of, our_columns, write_features

MEASURED = {"index": [3, 7, 9], "rank": [1, 3, 2], "embedding": [np.ones(2)] * 3}


def layer_with(**features) -> Labels:
    layer = Labels(np.zeros((4, 7), np.uint16))
    layer.features = features
    return layer


def test_rows_that_nobody_numbered_are_those_of_the_labels():
    layer = layer_with(name=["background", "one", "two"])
    write_features(layer, {"index": [2, 7], "size": [5.0, 6.0]})
    found = layer.features.set_index("index")
    assert found["name"][2] == "two"
    assert (found["size"][2], found["size"][7]) == (5.0, 6.0)
    assert len(found) == 4


@pytest.mark.parametrize("labels", [["3", "7", "9"], [3.0, 7.0, 9.0], np.array([3, 7, 9], "uint8")])
def test_labels_that_are_text_or_floats_are_numbers(labels):
    layer = layer_with(index=labels, mine=["a", "b", "c"])
    write_features(layer, MEASURED)
    assert layer.features["index"].tolist() == [3, 7, 9]
    assert layer.features["mine"].tolist() == ["a", "b", "c"]
    assert layer.features["rank"].tolist() == [1, 3, 2]


def test_a_table_of_regionprops_is_joined_by_label():
    layer = layer_with(label=[9, 7, 3], area=[90, 70, 30])
    write_features(layer, MEASURED)
    found = layer.features.set_index("index")
    assert found["area"].to_dict() == {3: 30, 7: 70, 9: 90}
    assert found["label"].to_dict() == {3: 3, 7: 7, 9: 9}
    assert found["rank"].to_dict() == {3: 1, 7: 3, 9: 2}


def test_a_row_without_a_number_stays():
    layer = layer_with(index=[3, np.nan, 9], mine=["a", "b", "c"])
    write_features(layer, MEASURED)
    assert layer.features["mine"].tolist() == ["a", np.nan, "c", "b"]
    assert layer.features["index"].tolist()[:3] == [3, 7, 9]
    labels, ranks = numbers_of(layer, "rank")
    assert dict(zip(labels, ranks, strict=True)) == {3: 1, 7: 3, 9: 2}
    write_features(layer, MEASURED)
    assert len(layer.features) == 4


def test_a_persons_columns_are_kept_and_ours_are_called_otherwise():
    layer = layer_with(index=[3, 7, 9], rank=["first", "last", "mid"], embedding=[1, 2, 3])
    for _ in range(2):
        write_features(layer, MEASURED)
        assert list(layer.features) == ["index", "rank", "embedding", "dinosim rank", "dinosim embedding"]
        assert layer.features["rank"].tolist() == ["first", "last", "mid"]
        assert layer.features["dinosim rank"].tolist() == [1, 3, 2]
    assert our_columns(layer) == {"rank": "dinosim rank", "embedding": "dinosim embedding"}


@pytest.mark.parametrize(
    "made",
    [
        lambda vector: vector + 1,
        lambda vector: vector[2:],
        lambda vector: vector[3],
        lambda vector: vector.sum(),
        lambda vector: vector.mean(),
        lambda vector: vector.astype(int),
        lambda vector: vector.reshape(2, 3),
        lambda vector: vector.copy(),
        lambda vector: np.concatenate([vector, vector]),
        lambda vector: np.linalg.norm(vector),
        lambda vector: np.round(vector, 1),
        lambda vector: vector @ vector,
        lambda vector: vector > 2,
        lambda vector: pickle.loads(pickle.dumps(vector[1:])),
    ],
)
def test_only_a_vector_that_is_stored_is_written_in_short(made):
    stored, plain = np.arange(6.0).view(Vector), np.arange(6.0)
    assert str(stored) == f"{stored}" == "6 numbers"
    assert str(made(stored)) == f"{made(stored)}" == str(made(plain))
    for twin in (pickle.loads(pickle.dumps(stored)), copy.copy(stored), copy.deepcopy(stored)):
        assert str(twin) == "6 numbers"
        assert not np.shares_memory(twin, stored)
        np.testing.assert_array_equal(np.asarray(twin), plain)
    assert str(copy.copy(stored[:2])) == str(copy.deepcopy(stored[:2])) == "[0. 1.]"


def test_what_is_reckoned_with_a_stored_vector_is_plain():
    stored = np.arange(6.0).view(Vector)
    assert type(stored + 1) is type(stored * stored) is np.ndarray
    assert type(stored.sum()) is type(stored @ stored) is np.float64


def test_columns_of_ours_that_are_no_longer_known_go():
    layer = layer_with(index=[3, 7, 9], mine=["a", "b", "c"])
    write_features(layer, MEASURED)
    write_features(layer, {"index": [3, 9], "pixels": [5, 6]}, anew=True)
    assert list(layer.features) == ["index", "mine", "pixels"]
    assert our_columns(layer) == {"pixels": "pixels"}
