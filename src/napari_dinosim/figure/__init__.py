"""Images beside their similarity maps as a picture, for a paper or a talk. Needs no display."""

from napari_dinosim.figure.drawing import draw_figure
from napari_dinosim.figure.panel import MARKS, MapLook, Mark, Panel, marks_of
from napari_dinosim.figure.saving import save_figure
from napari_dinosim.figure.thinning import MOST_PIXELS, thinned

__all__ = ["MARKS", "MOST_PIXELS", "MapLook", "Mark", "Panel", "draw_figure", "marks_of", "save_figure", "thinned"]
