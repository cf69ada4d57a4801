"""The folded sections below the main job, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim._napari.features_section import FeaturesSection
from napari_dinosim._napari.figure_section import FigureSection
from napari_dinosim._napari.resolution_section import ResolutionSection
from napari_dinosim._napari.undo_section import UndoSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.section import Section

SECTIONS: tuple[Callable[[Controller], Section], ...] = (
    ResolutionSection,
    UndoSection,
    FeaturesSection,
    FigureSection,
)
"""Each is made with the controller when the widget opens, and shut down when it is closed."""
