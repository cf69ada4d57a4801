"""Queries in files: prompts with their vectors, for images that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.errors import RecordError
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.prompts import NEGATIVE, POSITIVE, PromptSet
from napari_dinosim.querying import make_queries
from napari_dinosim.records.files import load_query_record, save_query_record
from napari_dinosim.records.images import Numbers
from napari_dinosim.records.making import loose_prompts
from napari_dinosim.records.values import EncoderRecord, QueryRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_dinosim.similarity import Query


def save_query(query: Query | Mapping[str, Query], path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a query to a file, for use on other images.

    Parameters
    ----------
    query : Query, or mapping of str to Query
        One, or one for each class: made with one encoder, and with the same negatives.
    path : str or Path
        Best ends with ``.dinosim-prompts.json``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    RecordError
        If there is no query, or they are of several encoders; if the file cannot be written, nothing is changed then.
    """
    from napari_dinosim.similarity import Query

    queries = {POSITIVE: query} if isinstance(query, Query) else dict(query)
    encoders = sorted({one.encoder for one in queries.values()})
    if len(encoders) != 1:
        raise RecordError(
            f"queries: found {len(encoders)} encoders ({', '.join(encoders)}), expected one. "
            "Save those of each encoder in a file of their own."
        )
    first = next(iter(queries.values()))
    parts = [(label, one.vectors) for label, one in queries.items()]
    parts += [(NEGATIVE, first.negatives)] if first.negatives is not None else []
    record = QueryRecord(
        encoder=EncoderRecord(EncoderChoice(encoders[0].partition("@")[0]), encoders[0]),
        vectors=Numbers.of(np.concatenate([vectors.cpu().numpy() for _, vectors in parts])),
        labels=tuple(label for label, vectors in parts for _ in range(len(vectors))),
        combine=first.combine,
    )
    return save_query_record(record, path, overwrite=overwrite)


def load_queries(path: str | Path) -> dict[str, Query]:
    """Read the queries of a file of prompts, one for each class; of one without classes it is ``"positive"``.

    Parameters
    ----------
    path : str or Path
        From :func:`save_query`, or **Save prompts…** in napari.

    Returns
    -------
    dict of str to Query
        By label, each against all negative prompts. They are put to embeddings by the same encoder; others refuse them
        and name both.

    Raises
    ------
    RecordError
        If the file cannot be read, is cut off, no JSON, of another program, or a field is not what it should be; if it
        holds negative prompts only.
    NewerRecordError
        If a newer version of this program wrote it.
    """
    record = load_query_record(path)
    prompts = PromptSet((), record.combine, loose=loose_prompts(record))
    if prompts.problem:
        raise RecordError(prompts.problem)
    return make_queries(prompts, lambda _key, _plane: None, lambda _key, _error: None)


def load_query(path: str | Path, label: str | None = None) -> Query:
    """Read one query of a file of prompts; errors as of :func:`load_queries`.

    Parameters
    ----------
    path : str or Path
    label : str, optional
        Of which class; needed where there are several.

    Returns
    -------
    Query

    Raises
    ------
    RecordError
        If there is no such class, or there are several and none is named.
    """
    queries = load_queries(path)
    label = next(iter(queries)) if label is None and len(queries) == 1 else label
    if label not in queries:
        raise RecordError(
            f"label: found {label!r}, expected one of {', '.join(map(repr, queries))}. Name one, or load all of them."
        )
    return queries[label]
