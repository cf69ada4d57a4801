"""From prompts and the embeddings under them to one query per class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dinosim.errors import NotEmbeddedError, OutsideImageError
from napari_dinosim.prompts import NEGATIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import PromptSet
    from napari_dinosim.similarity import Query


def make_queries(
    prompts: PromptSet,
    embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
    outside: Callable[[str, OutsideImageError], None],
) -> dict[str, Query]:
    """Make one query per label of all prompts whose plane is embedded, in whichever image they lie.

    Parameters
    ----------
    prompts : PromptSet
    embeddings : callable(key, plane) -> PatchEmbeddings or None
        A prompt without them joins its query when there are some.
    outside : callable(key, OutsideImageError)
        Is told of a prompt that lies outside its image.

    Returns
    -------
    dict of str to Query
        By label, in the order of the first prompts, each against all negative prompts; empty where no prompt of
        anything that is looked for lies in what is embedded.
    """
    from napari_dinosim.similarity import Query

    parts: dict[str, list[Query]] = {}
    for prompt in prompts:
        found = embeddings(prompt.source, prompt.plane)
        if found is None:
            continue
        try:
            query = found.query([(prompt.y, prompt.x)], prompts.combine)
        except OutsideImageError as error:
            outside(prompt.source, error)
        except NotEmbeddedError:
            continue
        else:
            parts.setdefault(prompt.label, []).append(query)
    sought = {label: Query.join(parts[label]) for label in prompts.sought if label in parts}
    if NEGATIVE not in parts or not sought:
        return sought
    negatives = Query.join(parts[NEGATIVE]).vectors  # one tensor, which all share
    return {label: replace(query, negatives=negatives) for label, query in sought.items()}
