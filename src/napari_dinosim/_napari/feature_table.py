"""Columns of ours in the features of a Labels layer, beside the person's own, which are never written over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from napari_dinosim._napari.roles import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

COLUMNS = "columns"
"""Key of the note, in the mark of a layer, that says which columns are ours: what each is called in the table."""


class Vector(np.ndarray):
    """An array that is written in short: napari writes all that it knows of an object into its status bar.

    ``np.asarray`` of it is the array itself; what is made of it is written as usual.

    Examples
    --------
    >>> vector = np.arange(384.0).view(Vector)
    >>> str(vector), str(vector[:3] + 1), str(vector.max())
    ('384 numbers', '[1. 2. 3.]', '383.0')
    """

    def __array_finalize__(self, made_of: object) -> None:
        self._in_short = type(made_of) is np.ndarray  # the view of an array, but no slice or copy of that view

    def __array_wrap__(self, array: NDArray[Any], *_how: Any) -> Any:
        """Leave results plain arrays and numbers."""
        return array[()]

    def __reduce__(self) -> Any:
        plain = np.asarray(self)
        return (_in_short, (plain,)) if self._in_short else plain.__reduce__()

    def __copy__(self) -> Any:
        return _in_short(self.copy().view(np.ndarray)) if self._in_short else super().__copy__()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__() if self._in_short else super().__deepcopy__(memo)

    def __str__(self) -> str:
        return f"{self.size} numbers" if self._in_short else super().__str__()


def _in_short(array: NDArray[Any]) -> Vector:
    return array.view(Vector)


def our_columns(layer: Labels) -> dict[str, str]:
    """Columns that we wrote and the table still holds: what each is called there, by the name that was wanted."""
    noted = layer.metadata.get(MARK, {}).get(COLUMNS, {})
    return {name: held for name, held in noted.items() if held in layer.features}


def write_features(
    layer: Labels,
    table: Mapping[str, Sequence[Any] | NDArray[Any]],
    *,
    anew: bool = False,
    rows: Literal["all", "table"] = "all",
) -> None:
    """Write columns into a layer's features, by the label of each row.

    Parameters
    ----------
    layer : Labels
        Its person's columns stay: where one has a name that is wanted, ours is called ``"dinosim …"``.
    table : mapping of str to sequence
        ``"index"``, the labels, and our columns.
    anew : bool
        Whether columns that we wrote earlier, and are not in the table, go.
    rows : {"all", "table"}
        Whether rows that the table lacks stay.
    """
    new = pd.DataFrame({name: pd.Series(values) for name, values in table.items()}).set_index("index")
    ours = our_columns(layer)
    gone = [held for name, held in ours.items() if anew or name in new]
    kept, unnumbered = _numbered(layer.features.drop(columns=gone))
    called = {name: _free(name, kept.columns) for name in new}
    new = new.rename(columns=called)
    joined = kept.join(new, how="outer" if rows == "all" else "right") if len(kept) else new
    found = joined.rename_axis("index").reset_index()
    if rows == "all" and len(unnumbered):
        found = pd.concat([found.astype({"index": object}), unnumbered], ignore_index=True)
    layer.metadata[MARK] = {**layer.metadata.get(MARK, {}), COLUMNS: ({} if anew else ours) | called}
    layer.features = found


def numbers_of(layer: Labels, column: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels of the layer's type that have a finite number in a column, and these numbers; both of shape (n,)."""
    table, _ = _numbered(layer.features)
    labels, values = table.index.to_numpy(), table[column].to_numpy(dtype=float)
    limits = np.iinfo(layer.dtype)
    known = np.isfinite(values) & (labels != 0) & (labels >= limits.min) & (labels <= limits.max)
    return labels[known], values[known]


def _numbered(features: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows by their labels, and rows of which ``index`` says no label.

    ``index`` says it, as text too; or else ``label``, as scikit-image has it; rows that nobody has numbered are of
    labels 0, 1, 2, …
    """
    name = next((name for name in ("index", "label") if name in features), None)
    if name is None:
        return features.set_index(pd.RangeIndex(len(features), name="index")), features[:0]
    numbers = pd.to_numeric(features[name], errors="coerce")
    whole = numbers.notna() & (numbers % 1 == 0)
    labels = numbers[whole].astype(np.int64) if numbers.dtype.kind == "f" else numbers[whole]
    table = features[whole].set_index(pd.Index(labels, name="index"))
    return (table.drop(columns="index") if name == "index" else table), features[~whole]


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name = f"dinosim {name}"
    return name
