"""What a session shows, as the panels of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dinosim.errors import FigureError
from napari_dinosim.figure import MOST_PIXELS, MapLook, Mark, Panel, draw_figure, marks_of, thinned
from napari_dinosim.records.making import embedded_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from napari_dinosim.figure.colours import Scale
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import RegionPrompt
    from napari_dinosim.session import SimilaritySession
    from napari_dinosim.states import ImageInput

    PixelSize = tuple[float | tuple[float, float], str]
    """Distance of two pixels, or (y, x), and its unit."""


@dataclass(frozen=True, slots=True, eq=False)
class FrozenPanel:
    """One image and its map at one moment, to be made by another thread.

    Parameters
    ----------
    image : ImageInput
    plane : tuple of int
        The one that is drawn.
    maps : FrozenMaps
    prompts : sequence of (y, x, label)
        Those in that plane.
    regions : sequence of RegionPrompt
        Those in that plane.
    size : (pixel size, unit)
    look : MapLook, optional
        How its map is drawn.
    against : bool
        Whether anything counts against what is looked for.
    """

    image: ImageInput
    plane: PlaneIndex
    maps: FrozenMaps
    prompts: Sequence[tuple[float, float, str]]
    regions: Sequence[RegionPrompt]
    size: PixelSize
    look: MapLook | None = None
    against: bool = False

    def make(self, check: Callable[[int, int], None], most: int = MOST_PIXELS) -> Panel | None:
        """Read the image, thinned to ``most`` pixels along its longer side, and make its map; None without a map."""
        found = self.maps(self.plane)
        if found is None:
            return None
        plane = self.image.read(self.plane)
        small, (height, width) = thinned(plane, most, check), plane.shape
        return Panel(
            self.image.name,
            small,
            found.values,
            found.best,
            self.prompts,
            found.grid,
            (float(height), float(width)),
            *self.size,
            self.regions,
            self.look,
            self.against,
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrozenFigure:
    """What a session shows at one moment; what happens to it meanwhile does not change it.

    Parameters
    ----------
    panels : sequence of FrozenPanel
    scale : {"plane", "stack", "shared", "cosine"}
        Over what the maps are stretched.
    caption : str
        What they were made with.
    marks : mapping of label to Mark
        How the prompts of each label are drawn: classes in the order of their first prompts, in whatever image.
    """

    panels: Sequence[FrozenPanel]
    scale: Scale
    caption: str
    marks: Mapping[str, Mark]

    @classmethod
    def of(
        cls,
        session: SimilaritySession,
        keys: Sequence[str] | None = None,
        label: str | None = None,
        pixel_sizes: Mapping[str, PixelSize] | None = None,
        map_looks: Mapping[str, MapLook] | None = None,
    ) -> FrozenFigure:
        """Take what a session shows now; the parameters are those of :func:`session_figure`.

        Raises
        ------
        FigureError
            If no such image has a map.
        """
        wanted = [key for key in (session.inputs if keys is None else keys) if session.shown_map(key, label)]
        if not wanted:
            what = "a map" if label is None else f"a map of {label!r}"
            raise FigureError(f"figure: found no image with {what}, expected at least one. Embed one, then click.")
        sizes, looks = pixel_sizes or {}, map_looks or {}
        panels = [_frozen(session, key, label, sizes.get(key, (1.0, "pixel")), looks.get(key)) for key in wanted]
        highest = " The highest score of all classes." if session.classes else ""
        what = highest if label is None else f" Class: {label}."
        caption = f"Patch embeddings by {embedded_by(session) or session.encoder.name}.{what}"
        return cls(panels, session.normalisation, caption, marks_of(session.prompts.sought))

    def draw(self, advance: Callable[[int, int], None] = lambda _done, _total: None, **looks: Any) -> Figure:
        """Draw it.

        Parameters
        ----------
        advance : callable(done, total), optional
            Told how far the reading is; may raise.
        **looks
            Further parameters of :func:`napari_dinosim.draw_figure`.
        """
        made, steps = [], 1000
        for number, panel in enumerate(self.panels):

            def check(done: int, total: int, number: int = number) -> None:
                advance(number * steps + steps * done // total, steps * len(self.panels))

            found = panel.make(check)
            if found is not None:
                made.append(found)
        return draw_figure(made, **{"scale": self.scale, "caption": self.caption, "marks": self.marks, **looks})


def session_figure(
    session: SimilaritySession,
    keys: Sequence[str] | None = None,
    *,
    label: str | None = None,
    pixel_sizes: Mapping[str, PixelSize] | None = None,
    map_looks: Mapping[str, MapLook] | None = None,
    **looks: Any,
) -> Figure:
    """Draw the images of a session with their maps and prompts: of each stack, the plane on screen.

    Large images are read part by part and drawn smaller.

    Parameters
    ----------
    session : SimilaritySession
    keys : sequence of str, optional
        Which inputs, in which order; by default all. Those without a map are left out.
    label : str, optional
        The class whose maps are drawn; by default the highest score of all.
    pixel_sizes : mapping of key to (pixel size, unit), optional
        For the scale bars: the distance of two pixels, or those along (y, x), and its unit, such as ``"µm"``.
    map_looks : mapping of key to MapLook, optional
        Of those maps that are not drawn as the others; each map then has a colour bar of its own.
    **looks
        Further parameters of :func:`napari_dinosim.draw_figure`, such as ``title`` and ``overlay``.

    Returns
    -------
    matplotlib.figure.Figure
        For :func:`napari_dinosim.save_figure`.

    Raises
    ------
    FigureError
        If no such image has a map, or a parameter makes no sense.
    """
    return FrozenFigure.of(session, keys, label, pixel_sizes, map_looks).draw(**looks)


def _frozen(
    session: SimilaritySession, key: str, label: str | None, size: PixelSize, look: MapLook | None
) -> FrozenPanel:
    plane = session.shown_plane(key)
    prompts = [(prompt.y, prompt.x, prompt.label) for prompt in session.prompts
               if (prompt.source, prompt.plane) == (key, plane)]  # fmt: skip
    regions = [region for region in session.prompts.regions if (region.source, region.plane) == (key, plane)]
    maps, against = session.frozen_maps(key, label), session.prompts.against
    return FrozenPanel(session.inputs[key], plane, maps, prompts, regions, size, look, against)
