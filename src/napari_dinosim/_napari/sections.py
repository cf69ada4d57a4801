"""The folded sections below the main job, in three groups: what is embedded, what is meant, what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim._napari.encoder_section import EncoderSection
from napari_dinosim._napari.extent_section import ExtentSection
from napari_dinosim._napari.features_section import FeaturesSection
from napari_dinosim._napari.figure_section import FigureSection
from napari_dinosim._napari.intensity_box import IntensityBox
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim._napari.prompts_section import PromptsSection
from napari_dinosim._napari.regions_section import RegionsSection
from napari_dinosim._napari.resolution_section import ResolutionSection
from napari_dinosim._napari.scores_section import ScoresSection
from napari_dinosim._napari.segment_section import SegmentSection
from napari_dinosim._napari.session_section import SessionSection
from napari_dinosim._napari.undo_section import UndoSection

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.image_list import ImageList
    from napari_dinosim._napari.section import Section


def make_sections(controller: Controller, images: ImageList) -> dict[str, list[Section]]:
    """Make all sections, under the titles of their groups; each is shut down when the widget is closed."""
    return {
        "What is embedded": [
            EncoderSection(controller),
            IntensityBox(controller, images),
            ResolutionSection(controller),
            ExtentSection(controller),
        ],
        "What is meant": [
            PromptsSection(controller),
            RegionsSection(controller),
            UndoSection(controller),
        ],
        "What comes of it": [
            ScoresSection(controller),
            MapSection(controller),
            SegmentSection(controller),
            MatchesSection(controller),
            ObjectsSection(controller),
            FeaturesSection(controller),
            SessionSection(controller),
            FigureSection(controller),
        ],
    }
