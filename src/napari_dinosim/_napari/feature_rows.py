"""Rows for the features of a layer, put below those that are there; the columns keep their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def with_rows(features: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Put rows below a table.

    Parameters
    ----------
    features : DataFrame
    rows : sequence of mapping of str to Any
        As a file holds them: times as text, None for what is missing.

    Returns
    -------
    DataFrame
        Each column of the type that it had, where that can hold what was put there.
    """
    names = list(dict.fromkeys([*features.columns, *(name for row in rows for name in row)]))
    fresh = pd.DataFrame([dict(row) for row in rows], columns=names)
    for name in features.columns:
        fresh[name] = _of_type(fresh[name], features[name].dtype)
    parts = [part for part in (features, fresh) if len(part)] or [features]
    return pd.concat(parts, ignore_index=True).reindex(columns=names)


def _of_type(values: pd.Series, dtype: Any) -> pd.Series:
    """Give values the type of a column; where they would be others then, they stay what they are."""
    if isinstance(dtype, pd.CategoricalDtype) and not values.dropna().isin(dtype.categories).all():
        return values
    try:
        made = values.astype(dtype)
    except (TypeError, ValueError):
        return values
    if getattr(dtype, "kind", "") in "mM":  # written as text
        return made
    there = values.notna()
    same = (made.notna() == there).all() and (made[there].astype(object) == values[there].astype(object)).all()
    return made if same else values
