"""Which images are searched, as what they are given to the session, and when that is no longer what is embedded."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dinosim._napari.channel_axis import MOST_CHANNELS, axis_input, channel_axes
from napari_dinosim._napari.channels import composed_input, why_not
from napari_dinosim._napari.coordinates import shown_axes, shown_plane, spatial_shape
from napari_dinosim._napari.inputs import Revisions, failing, image_input
from napari_dinosim._napari.kept import Kept
from napari_dinosim._napari.limits import Intensities, LimitFinders, set_limits
from napari_dinosim._napari.resolution import Resolution
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.searched import Searched
from napari_dinosim.errors import ImageError, ResolutionError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_dinosim._napari.image_watch import ImageWatch
    from napari_dinosim._napari.limits import Finder
    from napari_dinosim.intensity import Limits
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.session import SimilaritySession
    from napari_dinosim.states import ImageInput


class Offering:
    """Gives a viewer's images to a session.

    Parameters
    ----------
    viewer : Viewer
    session : SimilaritySession
    watch : ImageWatch
    """

    def __init__(self, viewer: ViewerModel, session: SimilaritySession, watch: ImageWatch) -> None:
        self._viewer, self._session, self._watch = viewer, session, watch
        self._unchecked: set[str] = set()
        self._composed: dict[str, tuple[str, ...]] = {}
        self._channel_axes: dict[str, int] = {}
        self._revisions = Revisions()
        self._finders = LimitFinders()
        self.intensities, self.resolution = Intensities(), Resolution()

    def kept(self) -> Kept:
        """Return what is chosen, to be given to :meth:`restore`."""
        composed, axes = tuple(self._composed.values()), tuple(self._channel_axes.items())
        return Kept(frozenset(self._unchecked), composed, axes, self.intensities, self.resolution)

    def restore(self, kept: Kept) -> None:
        """Choose again what was chosen, as far as the layers are still there and can be read so."""
        self.intensities, self.resolution = kept.intensities, kept.resolution
        for found in self.all():
            self.offer(found)
        for keys, axis in [
            *((keys, None) for keys in kept.composed),
            *(((key,), axis) for key, axis in kept.channel_axes),
        ]:
            with contextlib.suppress(ImageError):
                self.compose(keys, axis)
        for key in kept.unchecked:
            self.check(key, False)

    # ---- what is searched ----------------------------------------------------------------------------------------

    def all(self) -> list[Searched]:
        """List what can be searched, the topmost first: a composition is as high as its topmost channel."""
        images = {key_of(image): image for image in self._watch.images()}
        first_of = {key: first for first, keys in self._composed.items() for key in keys}
        rows = dict.fromkeys(first_of.get(key, key) for key in images)
        members = [[images[key] for key in self._composed.get(row, (row,)) if key in images] for row in rows]
        return [Searched(tuple(layers), self._axis(layers)) for layers in members]

    def _axis(self, layers: Sequence[Image]) -> int | None:
        """Axis of channels that are composed; None as soon as the layer has no such axis any more."""
        axis = self._channel_axes.get(key_of(layers[0])) if len(layers) == 1 else None
        return axis if axis in channel_axes(layers[0]) else None

    def checked(self) -> list[Searched]:
        """List what is searched, the topmost first."""
        return [found for found in self.all() if found.key not in self._unchecked]

    def is_checked(self, key: str) -> bool:
        """Whether an image is searched."""
        return key not in self._unchecked

    def find(self, key: str) -> Searched | None:
        """Image or composition of a key."""
        return next((found for found in self.all() if found.key == key), None)

    def of(self, layer: Image) -> Searched:
        """Return what a layer is searched as: itself, or the composition that it is a channel of."""
        return next((found for found in self.all() if layer in found.layers), Searched((layer,)))

    def plane(self, image: Image) -> PlaneIndex:
        """Plane of an image that the sliders show."""
        dims = self._viewer.dims
        shown = shown_plane(image, self._viewer.layers.units, dims.point, shown_axes(image, dims.order))
        return self.of(image).plane(shown)

    # ---- what the session gets -----------------------------------------------------------------------------------

    def check(self, key: str, checked: bool) -> None:
        """Choose an image, or leave it out."""
        (self._unchecked.discard if checked else self._unchecked.add)(key)
        found = self.find(key)
        if found is not None and checked:
            self.offer(found)
        else:
            self._session.remove_input(key)

    def offer(self, *found: Searched) -> None:
        """Give images to the session as they are now; what is embedded stays valid where nothing has changed."""
        changed, inputs = {}, self._session.inputs
        for one in found:
            image, known = self.input(one), inputs.get(one.key)
            same = known is not None and known.name == image.name and self._same(known, image)
            if not same and one.key not in self._unchecked:
                changed[one.key] = image, self.plane(one.image)
        if changed:
            self._session.set_inputs(changed)

    def look(self, found: Searched) -> None:
        """Find out whether pixels were changed in place, which napari tells nobody."""
        for layer in found.layers:
            self._revisions.look(layer)

    def bump(self, layer: Image) -> None:
        """Note that a layer has other data."""
        self._revisions.bump(layer)

    def refresh(self, reason: str, found: Sequence[Searched] | None = None) -> None:
        """Mark images as stale that are no longer read as they are embedded; those that are so again no more.

        Parameters
        ----------
        reason : str
            What has changed.
        found : sequence of Searched, optional
            Images to look at; by default all.
        """
        for one in self.checked() if found is None else found:
            known = self._session.inputs.get(one.key)
            if known is not None:
                same = self._same(known, self.input(one)) and self._session.encoder.finer == self.resolution.finer
                self._session.mark_stale(one.key, "" if same else reason)

    @staticmethod
    def _same(known: ImageInput, image: ImageInput) -> bool:
        """Whether both have the same pixels, sampled alike."""
        return (known.version, known.covered) == (image.version, image.covered)

    def seen_limits(self, keys: Sequence[str]) -> Limits | None:
        """Contrast limits of the first of these images, or of all that are searched, that has any."""
        images = [found.image for found in self.checked() if found.key in keys or not keys]
        return next((set_limits(image) for image in images if not image.rgb), None)

    # ---- channels ------------------------------------------------------------------------------------------------

    def channel_axes(self, key: str) -> list[int]:
        """Axes of an image that is one layer which may hold channels, counted from the end, the likeliest first."""
        found = self.find(key)
        return [] if found is None or found.composed else channel_axes(found.image)

    def why_not(self, keys: Sequence[str]) -> str:
        """Say why these images cannot be composed; empty where they can."""
        return why_not(self._layers(keys), self._viewer.layers.units)

    def suggested(self) -> list[str]:
        """Images that a person may want to compose: selected in napari's layer list, else drawn additively, or none."""
        images = self._watch.images()
        selected = [self.of(layer).key for layer in images if layer in self._viewer.layers.selection]
        if len(set(selected)) > 1 and not self.why_not(selected):
            return selected
        additive = next((self.of(layer).key for layer in images if str(layer.blending) == "additive"), None)
        if additive is None:
            return []
        group = [found.key for found in self.all() if found.key == additive or not self.why_not([additive, found.key])]
        return group if len(group) > 1 else []

    def compose(self, keys: Sequence[str], axis: int | None = None) -> Searched:
        """Search these images as one, in the colours that they have on screen.

        Parameters
        ----------
        keys : sequence of str
        axis : int, optional
            Of one image: the axis that holds channels, counted from the end, in the colours that napari gives to them.

        Raises
        ------
        ImageError
            If they are no single-channel images of one shape and place, or the axis cannot hold channels.
        """
        if axis is not None:
            return self._compose_along(keys[0], axis)
        problem = self.why_not(keys)
        if problem:
            raise ImageError(problem)
        members = tuple(key_of(layer) for layer in self._layers(keys))
        checked = any(key not in self._unchecked for key in members)
        for key in members:
            self._composed.pop(key, None)
            if key != members[0]:
                self._session.remove_input(key)
        self._composed[members[0]] = members
        (self._unchecked.discard if checked else self._unchecked.add)(members[0])
        found = Searched(tuple(self._layers(keys)))
        self.offer(found)
        return found

    def _compose_along(self, key: str, axis: int) -> Searched:
        found = self.find(key)
        if found is None or axis not in self.channel_axes(key):
            shape = "no image" if found is None else f"shape {spatial_shape(found.image)}"
            raise ImageError(
                f"channels: found {shape}, expected 2 to {MOST_CHANNELS} channels along axis {axis}, beside rows and "
                "columns. Choose another axis."
            )
        self._channel_axes[key] = axis
        composed = Searched(found.layers, axis)
        self.offer(composed)
        return composed

    def separate(self, key: str) -> Searched | None:
        """Search the channels of a composition as images of their own again; returns what it was."""
        found = self.find(key)
        if found is None or not found.composed:
            return None
        self._channel_axes.pop(key, None)
        self._composed.pop(key, None)
        for layer in found.layers:
            self.offer(Searched((layer,)))
        return found

    def leave(self, key: str) -> tuple[str, ...]:
        """Forget a layer that is gone; returns the keys of the composition that goes with it."""
        self._channel_axes.pop(key, None)
        members = next((keys for keys in self._composed.values() if key in keys), ())
        if members:
            del self._composed[members[0]]
        self._session.remove_input(key, forget=True)
        self._finders.forget(key)
        for found in [self.find(left) for left in members if left != key]:
            if found is not None:
                self.offer(found)
        return members

    def _layers(self, keys: Sequence[str]) -> list[Image]:
        """Layers of these images, those of compositions among them, the lowest first."""
        return [layer for layer in reversed(self._watch.images()) if self.of(layer).key in keys]

    # ---- how they are described ----------------------------------------------------------------------------------

    def input(self, found: Searched) -> ImageInput:
        """Describe an image to the session as it is now, sampled as is chosen."""
        image = self._input(found)
        try:
            return replace(image, covered=self.resolution.covered(found.image))
        except ResolutionError as error:
            return failing(image, error)

    def _input(self, found: Searched) -> ImageInput:
        if found.channel_axis is not None:
            layer, axis = found.image, found.channel_axis
            intensity, revision = self.intensities.of(found.key), self._revisions[layer]
            return axis_input(found, revision, self._finders.channels(layer, revision, intensity, axis))
        if found.composed:
            revisions = [self._revisions[layer] for layer in found.layers]
            return composed_input(found.layers, found.name, revisions, self._viewer.layers.units)
        return image_input(found.image, self._revisions[found.image], self._limits(found.image))

    def finders(self, found: Searched) -> list[Finder]:
        """Return what finds the limits of an image, or of each channel along an axis; to be called in a worker."""
        if found.channel_axis is None:
            return [] if found.composed else [self._limits(found.image)[1]]
        layer, intensity = found.image, self.intensities.of(found.key)
        return list(self._finders.channels(layer, self._revisions[layer], intensity, found.channel_axis)[1])

    def _limits(self, layer: Image) -> tuple[Hashable, Finder]:
        own = self._own_limits(layer)
        if not self.intensities.shared or own[0] is None:
            return own
        return self._finders.shared(self._own_limits(found.image) for found in self.checked() if not found.composed)

    def _own_limits(self, layer: Image) -> tuple[Hashable, Finder]:
        return self._finders.own(layer, self._revisions[layer], self.intensities.of(key_of(layer)))
