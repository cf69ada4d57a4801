"""The maps follow the cursor, before any click, while a key is held or a switch is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from napari.utils.key_bindings import coerce_keybinding
from psygnal import Signal
from qtpy.QtWidgets import QApplication
from superqt.utils import qdebounced, qthrottled

from napari_dinosim._napari.coordinates import shown_axes, to_data
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.reading import LeftOut, read_point
from napari_dinosim.errors import NotEmbeddedError, OutsideImageError
from napari_dinosim.previewing import Previewed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget

    from napari_dinosim._napari.class_layers import ClassLayers
    from napari_dinosim._napari.maps import MapLayers
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim.planes import Axes
    from napari_dinosim.prompts import Prompt
    from napari_dinosim.session import SimilaritySession

KEY = "Q"
"""Held for a preview; free in napari, whatever layer is active."""

LOOK_MS = 20
"""At most this often do the maps follow the cursor: 50 times a second."""

REST_MS = 100
"""What is previewed is said when the cursor has rested for so long: napari says something else while it moves."""

MOST_SAID = 3
"""Images that are named in one sentence."""

NOWHERE = "Preview: there is no checked image under the cursor."
NO_PLACE = "Preview is off in 3-D and in the grid: there, a place on screen says nothing of the image meant."


class _Pointed(NamedTuple):
    """Where the cursor pointed when it was moved last; napari tells no more when the view is moved under it.

    Parameters
    ----------
    position : tuple of float
        In the world.
    order : tuple of int
        Axes as they were on screen.
    centre : tuple of float
        Of the camera.
    zoom : float
        Screen pixels per unit.
    """

    position: tuple[float, ...]
    order: tuple[int, ...]
    centre: tuple[float, ...]
    zoom: float

    @classmethod
    def at(cls, viewer: ViewerModel) -> _Pointed:
        """Take note of where it points now."""
        camera = viewer.scene.camera
        return cls(tuple(viewer.cursor.position), viewer.dims.order, tuple(camera.center), float(camera.zoom))

    def now(self, viewer: ViewerModel) -> list[float]:
        """Say where the same place of the canvas lies in the world, as the camera is now."""
        camera, found = viewer.scene.camera, list(self.position)
        if viewer.dims.order != self.order or len(found) != viewer.dims.ndim:
            return list(viewer.cursor.position)
        for place, axis in ((-2, self.order[-2]), (-1, self.order[-1])):
            found[axis] = camera.center[place] + (found[axis] - self.centre[place]) * self.zoom / camera.zoom
        return found


class HoverPreview:
    """Has the session preview what is under the cursor, in one viewer.

    Parameters
    ----------
    viewer : Viewer
    session : SimilaritySession
    offering : Offering
        What is searched.
    maps : MapLayers
        Keeps its layers, blank, while there may be a preview soon.
    class_layers : ClassLayers
        Whose layers step aside while there is a preview.
    points_changed : Signal
        Tells that points were added, moved or deleted: their maps are shown until the cursor is over another patch.
    """

    changed = Signal()
    """It is on or off, or has something else to say."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: SimilaritySession,
        offering: Offering,
        maps: MapLayers,
        class_layers: ClassLayers,
        points_changed: SignalInstance,
    ) -> None:
        self._viewer, self._session, self._offering, self._maps = viewer, session, offering, maps
        self._class_layers, self._pointed = class_layers, _Pointed.at(viewer)
        self._switched = self._held = self._following = False
        self._rested: Previewed | None = None
        self._window: QWidget | None = None
        self.text = ""
        self._look_soon = qthrottled(guarded(self.look), timeout=LOOK_MS)
        self._say_soon = qdebounced(guarded(self._say), timeout=REST_MS)
        self._on_move = lambda _viewer, _event: self._look_soon()
        self._on_pointed = guarded(self._point)
        viewer.cursor.events.position.connect(self._on_pointed)
        self._on_change = lambda _event: self._look_soon()
        self._on_focus = guarded(self._focus_changed)
        self._points_changed = points_changed
        points_changed.connect(self._rest)
        self._key = coerce_keybinding(KEY)
        if self._key not in viewer.keymap:  # else a person has bound it, and there is the switch
            viewer.bind_key(self._key, self._hold)

    @property
    def switched_on(self) -> bool:
        """Whether the maps follow the cursor with no key held."""
        return self._switched

    def switch(self, on: bool) -> None:
        """Have the maps follow the cursor, or no longer."""
        self._switched = on
        self._follow()

    def hold(self, held: bool) -> None:
        """Have the maps follow the cursor for as long as a key is held."""
        self._held = held
        self._follow()

    def close(self) -> None:
        """Leave the viewer; the maps are those of the points again."""
        self._switched = self._held = False
        self._follow()
        self._look_soon.cancel()
        self._say_soon.cancel()
        self._points_changed.disconnect(self._rest)
        self._viewer.cursor.events.position.disconnect(self._on_pointed)
        if self._viewer.keymap.get(self._key) == self._hold:
            self._viewer.bind_key(self._key, None)

    def look(self) -> None:
        """Preview what is under the cursor now, or end the preview where that is nothing."""
        if not self._following:
            return
        why_not = self._look()
        if why_not is not None:
            self._preview(None)
        if why_not:
            self._tell(why_not)
        self._say_soon()

    def _look(self) -> str | None:
        """Preview; returns why not, in a sentence or without a word, or None where it is done."""
        if self._viewer.dims.ndisplay != 2 or self._viewer.canvas.grid.enabled:
            return NO_PLACE
        if not self._viewer.mouse_over_canvas:
            self._rested = None
            return ""
        prompt = self._under_cursor()
        if prompt is None:
            return NOWHERE
        found = self._session.embeddings(prompt.source, prompt.plane)
        if self._rested is not None and found is not None and self._rested == Previewed.under(prompt, found.grid):
            return ""
        self._rested = None
        try:
            self._preview(prompt)
        except (NotEmbeddedError, OutsideImageError):
            return f"Preview: {self._session.inputs[prompt.source].name} is not embedded there yet."
        return None

    def _under_cursor(self) -> Prompt | None:
        """Say which prompt a click would be."""
        viewer = self._viewer
        units, shown, order = viewer.layers.units, viewer.dims.point, viewer.dims.order
        pointed = self._pointed.now(viewer)
        world = [*shown]
        for axis in order[-2:]:  # the cursor keeps the place along the others where it was when it moved last
            world[axis] = pointed[axis]
        here = {found.key: (found, to_data(found.image, world, units, shown)) for found in self._offering.checked()}

        def axes(image: Any) -> Axes:
            return shown_axes(image, order)

        meant, _ = read_point(here, None, len(world), True, axes, here)
        return None if isinstance(meant, LeftOut) else meant

    def _point(self, _event: object) -> None:
        self._pointed = _Pointed.at(self._viewer)

    def _preview(self, prompt: Prompt | None) -> None:
        """Preview a place, or end the preview, with nothing above the maps."""
        self._session.preview(prompt)
        self._class_layers.step_aside(self._session.previewed is not None)

    def _rest(self) -> None:
        """Show the maps of the points, which are others, until the cursor is over another patch."""
        if self._session.previewed is not None:
            self._rested = self._session.previewed
            self._preview(None)

    def _follow(self) -> None:
        """Begin to follow the cursor, or leave it alone."""
        following = self._switched or self._held
        if following != self._following:
            self._following = self._maps.awaits_preview = following
            if following:
                self._window = QApplication.activeWindow()
                self._viewer.mouse_move_callbacks.append(self._on_move)
                for emitter, callback in self._connections():
                    emitter.connect(callback)
                self.look()
            else:
                self._viewer.mouse_move_callbacks.remove(self._on_move)
                for emitter, callback in self._connections():
                    emitter.disconnect(callback)
                self._end()
        self.changed.emit()

    def _end(self) -> None:
        self._rested = None
        self._preview(None)
        for found in self._offering.checked():
            self._maps.update(found.image)  # a blank one goes
        self._maps.draw_written()
        if self.text and self._viewer.status == self.text:
            self._viewer.status = ""
        self._tell("")

    def _connections(self) -> list[tuple[Any, Callable[..., None]]]:
        dims = self._viewer.dims.events
        return [
            (dims.point, self._on_change),
            (self._viewer.scene.camera.events.center, self._on_change),
            (self._viewer.scene.camera.events.zoom, self._on_change),
            (dims.order, self._on_change),
            (dims.ndisplay, self._on_change),
            (self._viewer.canvas.grid.events.enabled, self._on_change),
            (self._viewer.events.mouse_over_canvas, self._on_change),
            (cast("QApplication", QApplication.instance()).focusChanged, self._on_focus),
        ]

    def _focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        """End what the window can no longer end: it is not told of keys and of the mouse while another one is used."""
        if new is None or new.window() is not self._window:
            self._preview(None)
            self.hold(False)

    def _say(self) -> None:
        """Say how well the best of what is found matches."""
        if self._following and self._session.previewed is not None:
            self._tell(self._found(self._session.previewed))
        if self.text:
            self._viewer.status = self.text

    def _found(self, previewed: Previewed) -> str:
        inputs = self._session.inputs
        name = inputs[previewed.source].name
        best = {key: self._session.state(key).best for key in inputs if key != previewed.source}
        ranked = sorted(((value, key) for key, value in best.items() if value is not None), reverse=True)
        if ranked:
            others = ", ".join(f"{value:z.2f} in {inputs[key].name}" for value, key in ranked[:MOST_SAID])
            return f"Preview of {name}: best match {others}."
        found = self._session.shown_map(previewed.source)
        lowest = "" if found is None else f" from {found.scores.nan_to_num(1).min():z.2f}"
        return f"Preview of {name}: cosines{lowest} to 1."

    def _tell(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self.changed.emit()

    def _hold(self, _viewer: Any) -> Generator[None]:
        """Show, while held, what looks like the place under the cursor."""
        guarded(self.hold)(True)
        yield
        guarded(self.hold)(False)
