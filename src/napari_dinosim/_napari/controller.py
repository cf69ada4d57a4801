"""Connects a viewer with a session. Decides nothing of the science and draws nothing itself.

One click takes four hops: 1. napari adds the point and fires its events; 2. :meth:`Controller.read_prompts` turns the
*whole* points layer into prompts; 3. ``session.set_prompts`` makes the query and tells ``map_changed`` for each input;
4. :meth:`Controller.write_map` writes the map into that input's one layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superqt.utils import qthrottled

from napari_dinosim._napari.choices import Choices
from napari_dinosim._napari.class_layers import ClassLayers
from napari_dinosim._napari.coordinates import shown_axes
from napari_dinosim._napari.delivery import QtDelivery
from napari_dinosim._napari.feature_layers import FeatureLayers
from napari_dinosim._napari.following import ImageFollowing
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.hover import HoverPreview
from napari_dinosim._napari.image_watch import ImageWatch
from napari_dinosim._napari.maps import MapLayers
from napari_dinosim._napari.offering import Offering
from napari_dinosim._napari.patch_overlay import PatchOverlay
from napari_dinosim._napari.prompts_layer import PromptsLayer
from napari_dinosim._napari.reading import LeftOut
from napari_dinosim._napari.region_reading import sentence
from napari_dinosim._napari.regions import Regions
from napari_dinosim._napari.remarks import remarks
from napari_dinosim._napari.results import lift_in_hand
from napari_dinosim._napari.roles import MAP, key_of, role
from napari_dinosim._napari.row_telling import RowTelling
from napari_dinosim._napari.rows import ImageRow, image_row
from napari_dinosim._napari.sentences import CLICK, FIRST, INTENSITY_CHANGED, NO_WEIGHTS
from napari_dinosim._napari.view_watch import ViewWatch
from napari_dinosim.engine import Engine
from napari_dinosim.errors import ResolutionError, WeightsNotFoundError
from napari_dinosim.planes import LAST, plane_index
from napari_dinosim.prompts import PromptSet
from napari_dinosim.session import SimilaritySession

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.loading import EncoderChoice, EncoderSlot
    from napari_dinosim.planes import Axes


class Controller(Choices):
    """The one controller of a viewer; any number of widgets may show it.

    Parameters
    ----------
    viewer : Viewer
    encoder : EncoderChoice
        The encoder to begin with.
    slot : EncoderSlot
        Where the loaded encoder is kept.
    patch_size : callable(EncoderChoice) -> int or None
        Patch size of an encoder, where it is known before loading.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        encoder: EncoderChoice,
        slot: EncoderSlot,
        patch_size: Callable[[EncoderChoice], int | None],
    ) -> None:
        super().__init__()
        self.viewer, self._patch_size, self.slot = viewer, patch_size, slot
        self.deliver = QtDelivery()
        self.engine = Engine(self.deliver)
        self.session = SimilaritySession(self.engine, encoder, slot)
        self._watch = ImageWatch(viewer)
        self.offering = Offering(viewer, self.session, self._watch)
        self.maps = MapLayers(viewer, self.session, self.offering.of)
        self._images = ImageFollowing(self._watch, self.offering, self.session, self.maps)
        self.prompts = PromptsLayer(viewer)
        self.class_layers = ClassLayers(viewer, self.session, self.offering, self.maps, self.prompts.labels.book)
        self.feature_layers = FeatureLayers(viewer, self._watch, self.offering, self.maps, self.class_layers)
        self.hover = HoverPreview(
            viewer, self.session, self.offering, self.maps, self.class_layers, self.prompts.changed
        )
        self.regions = Regions(viewer, self.engine, self.prompts.labels.book, self._grid)
        self.overlay = PatchOverlay(viewer)
        self._rescale = qthrottled(guarded(self.overlay.zoom), timeout=60)
        self._redraw = qthrottled(guarded(self._draw_patches), timeout=20, leading=False)  # never within another event
        lifted = lambda: lift_in_hand(viewer, (self.prompts.layer, self.regions.layer), self.checked())  # noqa: E731
        self._raise = qthrottled(guarded(lifted), timeout=20, leading=False)
        self._on_active = lambda _event: (self._redraw(), self._raise())
        self._on_zoom = lambda _event: self._rescale()
        self._view = ViewWatch(viewer, self.session, self.offering)
        self._rows = RowTelling(self.session, self.row_changed)
        self._connect()

    def rows(self) -> list[ImageRow]:
        """Rows of the list of images, in the order of napari's layer list, the topmost first."""
        return [self._row(found) for found in self.offering.all()]

    def row(self, key: str) -> ImageRow | None:
        """Row of one image."""
        found = self.offering.find(key)
        return None if found is None else self._row(found)

    def _size(self) -> int | None:
        return self._patch_size(self.session.encoder) or self.session.patch_size

    def _row(self, found: Searched) -> ImageRow:
        checked, state = self.offering.is_checked(found.key), self.session.state(found.key)
        axes = shown_axes(found.image, self.viewer.dims.order)
        return image_row(found, checked, self._grid(found, axes), state, axes)

    def _grid(self, found: Searched, axes: Axes) -> PatchGrid | None:
        """Where the patches of an image lie; None while that is not known, and where it cannot be cut so."""
        size = self._size()
        image = self.session.inputs.get(found.key) or self.offering.input(found)
        plane = plane_index((), axes)
        if size is None or 0 in image.like(plane)[1]:
            return None
        try:
            return image.grid(plane, size, self.session.encoder.finer)
        except ResolutionError:  # its row says so
            return None

    def check(self, key: str, checked: bool) -> None:
        """Choose an image, or leave it out."""
        self.offering.check(key, checked)
        self.offering.refresh(INTENSITY_CHANGED)  # those that are read by one pair of limits for all
        self.read_prompts()
        self.row_changed.emit(key)

    def start(self) -> None:
        """Make the prompts layer and embed what is missing."""
        images = self.offering.checked()
        if not images:
            self.told.emit("No image is checked. Open an image, or check one in the list.", True)
            return
        for found in images:
            self.offering.look(found)
        self._sample()
        self.prompts.ensure(self._reference())
        self._view.tell_views()
        self.session.start()
        self.read_prompts()
        for text in remarks(self.viewer, images):
            self.told.emit(text, True)
        self._redraw()

    def draw_regions(self) -> None:
        """Make the regions layer, or take it up again, to draw what is looked for."""
        if not self.checked():
            self.told.emit("No image is checked. Open an image, or check one in the list.", True)
            return
        self.regions.draw(self._reference())
        self.told.emit(f"Draw around what you look for; a double click ends a polygon.{self._later()}", False)

    def use_object(self, labels: Labels) -> None:
        """Make the selected object of a Labels layer a region."""
        if not self.checked():
            self.told.emit("No image is checked. Open an image, or check one in the list.", True)
            return
        self.regions.use_object(labels, self._reference(), self.offering.checked(), self._later())

    def _later(self) -> str:
        return "" if self.session.started else " Then press Start: images are embedded only when you say so."

    def _reference(self) -> Image:
        """Choose the image that layers for prompts are placed like: the lowest of those with the most axes."""
        return max(reversed(self.checked()), key=lambda layer: layer.ndim)

    def cancel(self) -> None:
        """Stop embedding."""
        self.session.cancel()
        self.told.emit("Cancelled. What is ready stays; press Start to go on.", False)

    def read_prompts(self) -> None:
        """Replace the session's prompts by what the points, regions and files say."""
        images = self.offering.checked()
        reading, regions = self.prompts.read(images), self.regions.read(images)
        prompts = PromptSet(reading.prompts, self.combined_by, regions.prompts, self.prompts.loose)
        self.session.set_prompts(prompts)
        said = sentence(reading, regions)
        if reading.left_out or regions.problem:
            self.viewer.status = said
        elif said and not self.session.started:
            said += " Press Start to see where: images are embedded only when you say so."
        hint = CLICK if self.session.started else FIRST
        amiss = bool(prompts.problem or regions.complaints) or reading.left_out[LeftOut.NOWHERE] > 0
        self.told.emit(prompts.problem or said or hint, amiss)
        self._redraw()

    def write_map(self, key: str) -> None:
        """Bring one image's map layer up to date."""
        found = self.offering.find(key)
        if found is None:
            self.maps.remove(key)
        else:
            self.maps.update(found.image)
        self.class_layers.update(key)

    def checked(self) -> list[Image]:
        """List the images that are searched, the topmost first; of a composition, its first channel."""
        return [found.image for found in self.offering.checked()]

    def shutdown(self) -> None:
        """Stop the work and leave the viewer; prompts and maps stay as they are."""
        for follower in (self.hover, self._watch, self._view, self._rows):
            guarded(follower.close)()
        guarded(self.overlay.hide)()
        self.deliver.close()
        self._redraw.cancel()
        self._raise.cancel()
        self._rescale.cancel()
        self.engine.shutdown()
        self.prompts.release()
        self.regions.close()
        self.maps.shutdown()
        self.class_layers.shutdown()
        self.feature_layers.shutdown()
        for emitter, callback in self._viewer_connections():
            emitter.disconnect(callback)

    def _viewer_connections(self) -> list[tuple[Any, Callable[[Any], None]]]:
        return [
            (self.viewer.layers.selection.events.active, self._on_active),
            (self.viewer.scene.camera.events.zoom, self._on_zoom),
        ]

    def _connect(self) -> None:
        self.session.map_changed.connect(self.write_map)
        self.session.progress_changed.connect(self.progress_changed.emit)
        for told in (self.session.message, self.session.failed, self._images.told):
            told.connect(self._tell)
        self.prompts.changed.connect(self.read_prompts)
        self.regions.changed.connect(self.read_prompts)
        self.regions.told.connect(self.told.emit)
        self.prompts.labels.told.connect(self._tell)
        self._view.scrolled.connect(self._redraw)
        self._view.turned.connect(self._turned)
        self._watch.removed.connect(self._removed)
        self._watch.listed.connect(self._listed)
        self._images.listed.connect(self.rows_changed.emit)
        self._images.moved.connect(self._moved)
        self._watch.placed.connect(self.class_layers.follow)
        self._watch.renamed.connect(self.class_layers.rename)
        for emitter, callback in self._viewer_connections():
            emitter.connect(callback)
        self._watch.follow()

    def _tell(self, what: str | DinosimError) -> None:
        missing = isinstance(what, WeightsNotFoundError)  # whose own words are for Python
        self.told.emit(NO_WEIGHTS if missing else str(what), not isinstance(what, str))

    def _removed(self, layer: Layer) -> None:
        """Take note that a layer of ours is gone."""
        if layer is self.prompts.layer:
            self.prompts.release()
            self.read_prompts()
        elif layer is self.regions.layer:
            self.regions.release()
            self.read_prompts()
        elif layer is self.overlay.layer:
            self.overlay.hide()
        elif role(layer) == MAP:
            self.maps.forget(layer)

    def _listed(self) -> None:
        self.prompts.realign()
        self.regions.realign()
        self.rows_changed.emit()

    def _moved(self) -> None:
        self.prompts.realign()
        self.regions.realign()
        self.read_prompts()

    def _turned(self) -> None:
        """Take note that other axes are on screen."""
        for layer in self.checked():
            self.write_map(key_of(layer))
        self.rows_changed.emit()

    def _draw_patches(self) -> None:
        self.overlay.draw(
            self.checked() if self.shows_patches else [],
            self.session.prompts,
            lambda image: self._grid(self.offering.of(image), LAST),
            self.offering.plane,
        )
