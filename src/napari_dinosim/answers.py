"""The part of a session that answers: maps and classes of what is embedded, and how they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim.previewing import PreviewedScoring

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_dinosim.cache import EmbeddingCache
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.plan import Plan
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.previewing import Previewed
    from napari_dinosim.prompts import Prompt
    from napari_dinosim.scoring import Normalisation
    from napari_dinosim.states import SimilarityMap


class Answers:
    """What can be asked of a session.

    Parameters
    ----------
    engine : Engine
        Makes large maps.
    plan : Plan
    cache : EmbeddingCache
    """

    state_changed = Signal(str)
    """An input's state may be another: its key."""
    map_changed = Signal(str)
    """An input's maps are others: its key."""

    def __init__(self, engine: Engine, plan: Plan, cache: EmbeddingCache) -> None:
        self._plan, self._cache = plan, cache
        self._threshold: float | None = None
        self._scoring = PreviewedScoring(
            engine, self.embeddings, self.embedded_planes, lambda: plan.inputs, lambda key: plan.shown[key]
        )
        self._scoring.changed.connect(self._map_made)
        self._scoring.replaced.connect(self._tell_maps)
        self._scoring.replaced.connect(self._tell_states)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that have maps, in the order of their first prompts; none while no prompt names one."""
        return self._scoring.classes

    @property
    def normalisation(self) -> Normalisation:
        """Over what maps are stretched."""
        return self._scoring.normalisation

    def set_normalisation(self, normalisation: Normalisation) -> None:
        """Choose over what maps are stretched.

        Parameters
        ----------
        normalisation : {"plane", "stack", "shared", "cosine"}
            The plane itself, all embedded planes of its input, those of all inputs, or nothing: raw scores.
        """
        self._scoring.set_normalisation(normalisation)
        self._tell_maps()

    @property
    def threshold(self) -> float | None:
        """Cosine under which the best of an input is no match; None where none is set."""
        return self._threshold

    def set_threshold(self, threshold: float | None) -> None:
        """Choose the cosine under which the best of an input is no match, or None; maps stay as they are."""
        self._threshold = threshold
        self._tell_states()

    @property
    def previewed(self) -> Previewed | None:
        """What is previewed, if anything is."""
        return self._scoring.previewed

    def preview(self, prompt: Prompt | None) -> None:
        """Show what one place would find, in place of what the prompts have found; these stay as they are.

        While there is a preview, :meth:`map` gives its maps; those of classes, winners and exports stay the prompts'.
        Where maps are stretched over a stack or over all inputs, these are stretched over the planes on screen.

        Parameters
        ----------
        prompt : Prompt or None
            As if it were the only prompt, and a positive one; None ends the preview, and the maps of before are there
            again, not computed anew. The same patch again changes nothing.

        Raises
        ------
        NotEmbeddedError
            If the place is not embedded yet; what was shown stays.
        OutsideImageError
            If it lies outside its image.
        """
        self._scoring.preview(prompt)

    def map(self, key: str, plane: PlaneIndex, label: str | None = None) -> SimilarityMap | None:
        """Similarity map of a plane.

        Parameters
        ----------
        key : str
            Of the input.
        plane : tuple of int
        label : str, optional
            One of :attr:`classes`; by default the highest score of all of them, or the one map where there are none.

        Returns
        -------
        SimilarityMap or None
            None while there is no query or no embedding of it, or while it is made.
        """
        return self._scoring.get(key, plane, label)

    def shown_map(self, key: str, label: str | None = None) -> SimilarityMap | None:
        """Similarity map, as :meth:`map` gives it, of the plane of an input that is on screen."""
        return self.map(key, self._plan.shown[key], label) if key in self._plan.inputs else None

    def winner(self, key: str, plane: PlaneIndex) -> NDArray[np.int16] | None:
        """Class with the highest score, patch by patch.

        Parameters
        ----------
        key : str
            Of the input.
        plane : tuple of int

        Returns
        -------
        ndarray of shape (rows, cols), int16, or None
            Indices into :attr:`classes`, the first of equally high ones; -1 where nothing is embedded. None while there
            are no classes, or where :meth:`map` gives none.
        """
        return self._scoring.winners(key, plane)

    def shown_winner(self, key: str) -> NDArray[np.int16] | None:
        """Class with the highest score, as :meth:`winner` gives it, in the plane of an input that is on screen."""
        return self.winner(key, self._plan.shown[key]) if key in self._plan.inputs else None

    def frozen_maps(self, key: str, label: str | None = None) -> FrozenMaps:
        """Hold the maps of an input, of a class or of the highest score, as they are now, for another thread."""
        return self._scoring.frozen(key, label)

    def embeddings(self, key: str, plane: PlaneIndex) -> PatchEmbeddings | None:
        """Embeddings of a plane of an input by the chosen encoder, as far as there are any."""
        return self._cache.get(self._plan.key(key, plane)) if key in self._plan.inputs else None

    def embedded_planes(self, key: str) -> list[PlaneIndex]:
        """Planes of an input, along the axes on screen, of which there are embeddings."""
        return self._cache.planes(self._plan.key(key, self._plan.shown[key]).stack) if key in self._plan.inputs else []

    def _tell_states(self) -> None:
        for key in self._plan.inputs:
            self.state_changed.emit(key)

    def _tell_maps(self) -> None:
        for key in self._plan.inputs:
            self.map_changed.emit(key)

    def _map_made(self, key: str) -> None:
        self.map_changed.emit(key)
        self.state_changed.emit(key)
