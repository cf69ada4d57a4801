"""Prompts with their vectors in a file of their own, used on other images by the same encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from desk import A, Desk, patchwork
from napari_dinosim.embedding import embed
from napari_dinosim.errors import EncoderMismatchError, RecordError
from napari_dinosim.prompts import LoosePrompt, Prompt, PromptSet
from napari_dinosim.records.files import load_query_record, save_query_record
from napari_dinosim.records.making import loose_prompts, record_query
from napari_dinosim.records.queries import load_queries, load_query, save_query
from planted import MeanColourEncoder, planted_spec

LEFT, RIGHT = patchwork(100, 150), patchwork(90, 210, 1)


@pytest.fixture
def desk():
    found = Desk()
    yield found
    found.engine.shutdown()


def saved_prompts(desk, path):
    desk.add("left", LEFT)
    desk.prompt(("left", 20, 100), ("left", 70, 30), ("left", 500, 3))
    desk.start()
    return save_query_record(record_query(desk.session), path)


def expected(image, clicks=((20, 100), (70, 30)), combine="max"):
    encoder = MeanColourEncoder(planted_spec(16), "a@planted")
    return embed(image, encoder).similarity_map(embed(LEFT, encoder).query(clicks, combine))


def test_prompts_of_one_session_search_the_images_of_another(desk, tmp_path):
    path = saved_prompts(desk, tmp_path / "cells.dinosim-prompts.json")
    other = Desk()
    other.add("right", RIGHT)
    other.session.set_prompts(PromptSet(loose=loose_prompts(load_query_record(path))))
    other.start()
    assert np.array_equal(other.heat("right"), expected(RIGHT))
    other.session.set_prompts(PromptSet((), "mean", loose=loose_prompts(load_query_record(path))))
    np.testing.assert_allclose(other.heat("right"), expected(RIGHT, combine="mean"), atol=1e-6)
    other.engine.shutdown()


def test_loose_prompts_count_beside_those_in_images(desk, tmp_path):
    path = saved_prompts(desk, tmp_path / "cells.json")
    other = Desk()
    other.add("left", LEFT)
    other.prompt(("left", 50, 60))
    other.session.set_prompts(
        PromptSet(other.session.prompts.prompts, "max", loose=loose_prompts(load_query_record(path)))
    )
    other.start()
    assert (len(other.session.prompts), len(other.session.prompts.loose)) == (1, 2)
    assert np.array_equal(other.heat("left"), expected(LEFT, ((50, 60), (20, 100), (70, 30))))
    assert record_query(other.session).vectors.shape == (3, 3)
    other.engine.shutdown()


def test_loose_prompts_of_another_encoder_count_for_nothing(desk):
    desk.add("left", LEFT)
    loose = LoosePrompt((1.0, 0.0, 0.0), "b@planted")
    desk.session.set_prompts(PromptSet(loose=(loose,)))
    desk.start()
    assert desk.session.shown_map("left") is None
    assert not desk.failures
    desk.prompt(("left", 20, 100))
    alone = desk.heat("left")
    desk.session.set_prompts(PromptSet(desk.session.prompts.prompts, "max", loose=(loose,)))
    assert np.array_equal(desk.heat("left"), alone)


def test_there_is_nothing_to_save_before_something_is_embedded(desk):
    desk.add("left", LEFT)
    desk.prompt(("left", 20, 100))
    with pytest.raises(RecordError, match="prompts: found none in what is embedded, expected at least one"):
        record_query(desk.session)


def test_loose_prompts_are_saved_again_before_anything_is_embedded(desk, tmp_path):
    found = load_query_record(saved_prompts(desk, tmp_path / "a.json"))
    other = Desk()
    other.session.set_prompts(PromptSet(loose=loose_prompts(found)))
    assert record_query(other.session) == found
    assert found.encoder.choice == A
    other.engine.shutdown()


def test_a_query_in_python(tmp_path):
    encoder = MeanColourEncoder(planted_spec(16), "a@planted")
    query = embed(LEFT, encoder).query([(20, 100), (70, 30)], "mean")
    again = load_query(save_query(query, tmp_path / "cells.json"))
    assert torch.equal(again.vectors, query.vectors)
    assert (again.encoder, again.combine) == ("a@planted", "mean")
    with pytest.raises(RecordError, match="found a file of that name"):
        save_query(query, tmp_path / "cells.json")
    other = embed(RIGHT, MeanColourEncoder(planted_spec(16), "a@other"))
    with pytest.raises(EncoderMismatchError, match="made with 'a@planted' but the image was embedded with 'a@other'"):
        other.cosine(again)


def test_classes_and_negatives_in_python(tmp_path):
    embedded = embed(LEFT, MeanColourEncoder(planted_spec(16), "a@planted"))
    soil = embedded.query([(50, 60)])
    queries = {name: embedded.query([place]).against(soil) for name, place in {"a": (20, 100), "b": (70, 30)}.items()}
    path = save_query(queries, tmp_path / "classes.json")
    assert load_query_record(path).labels == ("a", "b", "negative")
    for name, query in load_queries(path).items():
        assert torch.equal(embedded.cosine(query), embedded.cosine(queries[name]))
    assert torch.equal(load_query(path, "b").vectors, queries["b"].vectors)
    with pytest.raises(RecordError, match="label: found None, expected one of 'a', 'b'"):
        load_query(path)
    with pytest.raises(RecordError, match="label: found 'c', expected one of 'a', 'b'"):
        load_query(path, "c")
    other = embed(LEFT, MeanColourEncoder(planted_spec(16), "a@other")).query([(1, 1)])
    with pytest.raises(RecordError, match=r"queries: found 2 encoders \(a@other, a@planted\), expected one"):
        save_query(queries | {"c": other}, tmp_path / "other.json")


def test_negative_prompts_alone_look_for_nothing(desk, tmp_path):
    desk.add("left", LEFT)
    desk.session.set_prompts(PromptSet((Prompt("left", 20, 100, (), "negative"),)))
    desk.start()
    path = save_query_record(record_query(desk.session), tmp_path / "a.json")
    with pytest.raises(RecordError, match="Found 1 negative point and no other"):
        load_queries(path)


def test_the_labels_of_loose_prompts_count(desk):
    desk.add("left", LEFT)
    encoder = MeanColourEncoder(planted_spec(16), "a@planted")
    vectors = embed(LEFT, encoder).query([(20, 100), (70, 30)]).vectors.tolist()
    labelled = zip(vectors, ("x", "negative"), strict=True)
    loose = tuple(LoosePrompt(tuple(vector), "a@planted", label) for vector, label in labelled)
    desk.session.set_prompts(PromptSet((Prompt("left", 50, 60, (), "y"),), loose=loose))
    desk.start()
    assert desk.session.classes == ("y", "x")
    embedded = embed(LEFT, encoder)
    expected = embedded.cosine(embedded.query([(20, 100)])) - embedded.cosine(embedded.query([(70, 30)]))
    torch.testing.assert_close(desk.session.shown_map("left", "x").scores, expected, atol=1e-5, rtol=0)
