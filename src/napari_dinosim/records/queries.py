"""Queries in files: prompts with their vectors, for images that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.loading import EncoderChoice
from napari_dinosim.records.files import load_query_record, save_query_record
from napari_dinosim.records.values import POSITIVE, EncoderRecord, Numbers, QueryRecord

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dinosim.similarity import Query


def save_query(query: Query, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a query to a file, for use on other images.

    Parameters
    ----------
    query : Query
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
        If it cannot be written; nothing is changed then.
    """
    name = query.encoder.partition("@")[0]
    encoder = EncoderRecord(EncoderChoice(name), query.encoder)
    vectors = Numbers.of(query.vectors.cpu().numpy())
    labels = (POSITIVE,) * len(query.vectors)
    record = QueryRecord(encoder=encoder, vectors=vectors, labels=labels, combine=query.combine)
    return save_query_record(record, path, overwrite=overwrite)


def load_query(path: str | Path) -> Query:
    """Read a query from a file; it is put to embeddings by the same encoder, others refuse it and name both.

    Parameters
    ----------
    path : str or Path
        From :func:`save_query`, or **Save prompts…** in napari.

    Returns
    -------
    Query

    Raises
    ------
    RecordError
        If the file cannot be read, is cut off, no JSON, of another program, or a field is not what it should be.
    NewerRecordError
        If a newer version of this program wrote it.
    """
    import torch

    from napari_dinosim.similarity import Query

    record = load_query_record(path)
    return Query(torch.from_numpy(record.vectors.array()), record.encoder.identity or "", record.combine)
