"""What a person chooses for all images of a viewer, and what follows from each choice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dinosim._napari.kept import KeptChoices
from napari_dinosim._napari.map_looks import redress
from napari_dinosim._napari.preferences import with_blocks
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.sentences import INTENSITY_CHANGED, RESOLUTION_CHANGED, counted
from napari_dinosim._napari.tools import Tools
from napari_dinosim.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dinosim._napari.class_layers import ClassLayers
    from napari_dinosim._napari.limits import Intensities
    from napari_dinosim._napari.maps import MapLayers
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim._napari.prompts_layer import PromptsLayer
    from napari_dinosim._napari.regions import Regions
    from napari_dinosim._napari.resolution import Resolution
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim._napari.view_watch import ViewWatch
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.plan import Scope
    from napari_dinosim.prompts import Combine
    from napari_dinosim.scoring import Normalisation
    from napari_dinosim.session import SimilaritySession


class Choices:
    """The part of a controller that a person chooses by; a base of it."""

    rows_changed = Signal()
    """The list of images is another."""
    row_changed = Signal(str)
    """One image's row is another: its key."""
    progress_changed = Signal(object)
    """Overall progress, or None."""
    choices_changed = Signal()
    """The encoder, intensities, the way points are combined, or whether patches are shown, is another."""
    told = Signal(str, bool)
    """Something to show the person, and whether it is an error."""

    session: SimilaritySession
    offering: Offering
    maps: MapLayers
    class_layers: ClassLayers
    prompts: PromptsLayer
    regions: Regions
    _redraw: Any
    _view: ViewWatch

    def __init__(self) -> None:
        self.combined_by: Combine = "max"
        self.shows_patches = False
        self.tools = Tools()

    def kept(self) -> KeptChoices:
        """Return what is chosen for all images, to be given to :meth:`restore`."""
        session, loose = self.session, self.prompts.loose
        scope, normalisation, threshold = session.scope, session.normalisation, session.threshold
        return KeptChoices(self.combined_by, scope, normalisation, threshold, loose, self.tools.choices)

    def restore(self, kept: KeptChoices) -> None:
        """Choose again what was chosen, before any widget shows it; maps that were left look so already."""
        self.combined_by, self.prompts.loose = kept.combine, kept.loose
        self.session.set_scope(kept.scope)
        self.session.set_normalisation(kept.normalisation)
        self.session.set_threshold(kept.threshold)
        self.tools.restore(kept.tools)

    def read_prompts(self) -> None:
        """Replace the session's prompts by what the points say."""
        raise NotImplementedError

    def _size(self) -> int | None:
        raise NotImplementedError

    def _tell(self, what: str | DinosimError) -> None:
        raise NotImplementedError

    def choose_encoder(self, encoder: EncoderChoice) -> None:
        """Search with another encoder."""
        if encoder != self.session.encoder:
            self.session.set_encoder(encoder)
            self.read_prompts()  # which says what is searched for, or how to begin
        self.rows_changed.emit()
        self.choices_changed.emit()
        self._redraw()

    def change_encoder(self, **changed: Any) -> None:
        """Change something of the choice of an encoder; all else of it stays."""
        before = self.session.encoder
        self.choose_encoder(with_blocks(replace(before, **changed), before))

    def compose(self, keys: Sequence[str], axis: int | None = None) -> None:
        """Search several images, or the channels along an axis of one, as one image."""
        try:
            found = self.offering.compose(keys, axis)
        except ImageError as error:
            self._tell(error)
            return
        colours = "on screen" if axis is None else "that napari gives to channels"
        self._recomposed(found, found.key, f"{found.name}: searched as one image, in the colours {colours}.")

    def separate(self, key: str) -> None:
        """Search the channels of a composition as images of their own again."""
        found = self.offering.separate(key)
        if found is not None:
            self._recomposed(found, key, f"{found.name}: searched as images of their own again.")

    def _recomposed(self, found: Searched, key: str, text: str) -> None:
        """Make the map anew, above all that it is of; the points stay."""
        for prompts in (self.prompts, self.regions):
            prompts.hand_over([key_of(layer) for layer in found.layers], key)
        self.maps.remove(key)
        self.offering.refresh(INTENSITY_CHANGED)
        self.rows_changed.emit()
        self.read_prompts()
        self.told.emit(text, False)

    def read_by(self, intensities: Intensities) -> None:
        """Choose how intensities are read; what is embedded otherwise is stale until Start."""
        self.offering.intensities = intensities
        self.offering.refresh(INTENSITY_CHANGED)
        self.choices_changed.emit()

    def sample_by(self, resolution: Resolution) -> None:
        """Choose how much of the sample a patch covers; what is embedded otherwise is stale until Start."""
        self.offering.resolution = resolution
        if self.session.started:
            self.offering.refresh(RESOLUTION_CHANGED)
        else:
            self._sample()
        self.rows_changed.emit()
        self.choices_changed.emit()

    def _sample(self) -> None:
        """Have the session sample images as is chosen."""
        self.offering.offer(*self.offering.checked())
        self.session.set_encoder(replace(self.session.encoder, finer=self.offering.resolution.finer))
        self.offering.refresh(RESOLUTION_CHANGED)
        self._redraw()

    def embed_scope(self, scope: Scope) -> None:
        """Choose how much of each image is embedded."""
        self._view.tell_views()
        self.session.set_scope(scope)
        self.choices_changed.emit()

    def stretch_over(self, normalisation: Normalisation) -> None:
        """Choose over what maps are stretched."""
        before = self.session.normalisation
        self.session.set_normalisation(normalisation)
        for layer in self.maps.all():
            redress(layer, before, normalisation)
        self.class_layers.redress(before, normalisation)
        self.choices_changed.emit()

    def limit_matches(self, threshold: float | None) -> None:
        """Choose the cosine under which the best of an image is no match; None for none."""
        self.session.set_threshold(threshold)
        self.choices_changed.emit()

    def remove_class(self, label: str) -> None:
        """Forget a class; its points and regions become positive and are selected."""
        points, regions = self.prompts.labels.make_positive(label), self.regions.labels.make_positive(label)
        self.prompts.labels.book.remove(label)
        keys = {"point": "Shift+T", "region": "Shift+K"}
        said = [
            f"{counted(count, what)} of it (on their layer, Delete removes, {keys[what]} relabels)"
            for what, count in (("point", points), ("region", regions))
            if count
        ]
        left = f" Positive now, and selected: {', '.join(said)}." if said else ""
        self.told.emit(f"Class {label!r} is gone.{left}", False)

    def combine(self, combine: Combine) -> None:
        """Choose how the cosines of several points become one score."""
        self.combined_by = combine
        self.choices_changed.emit()
        self.read_prompts()

    def show_patches(self, show: bool) -> None:
        """Draw the patch grid over the active image, or take it away."""
        self.shows_patches = show
        if show and not self._size():
            self.told.emit("The patches are drawn when the encoder is loaded: press Start.", False)
        self.choices_changed.emit()
        self._redraw()
