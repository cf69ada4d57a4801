"""From prompts and the embeddings under them to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.errors import NotEmbeddedError, OutsideImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import PromptSet
    from napari_dinosim.similarity import Query


def make_query(
    prompts: PromptSet,
    embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
    outside: Callable[[str, OutsideImageError], None],
) -> Query | None:
    """Make one query of all prompts whose plane is embedded, and of loose ones that were made with the same encoder.

    Parameters
    ----------
    prompts : PromptSet
    embeddings : callable(key, plane) -> PatchEmbeddings or None
        A prompt without them joins the query when there are some.
    outside : callable(key, OutsideImageError)
        Is told of a prompt that lies outside its image.

    Returns
    -------
    Query or None
        None where no prompt lies in what is embedded.
    """
    from napari_dinosim.similarity import Query

    queries = []
    for (source, plane), places in prompts.sources().items():
        found = embeddings(source, plane)
        if found is None:
            continue
        for place in places:
            try:
                queries.append(found.query([place], prompts.combine))
            except OutsideImageError as error:
                outside(source, error)
            except NotEmbeddedError:
                continue
    queries += _loose(prompts, queries[0].encoder if queries else None)
    return Query.join(queries) if queries else None


def _loose(prompts: PromptSet, encoder: str | None) -> list[Query]:
    """Make queries of loose prompts: those of an encoder, else of the first one's."""
    import torch

    from napari_dinosim.similarity import Query

    wanted = encoder or next((prompt.encoder for prompt in prompts.loose), None)
    return [
        Query(torch.tensor([prompt.vector], dtype=torch.float32), prompt.encoder, prompts.combine)
        for prompt in prompts.loose
        if prompt.encoder == wanted
    ]
