"""Saves what a viewer's widget is doing: the session, or its prompts with their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dinosim._napari.absent import RecordKeys, joined
from napari_dinosim._napari.layer_looks import recorded
from napari_dinosim._napari.point_records import describe_points
from napari_dinosim._napari.region_records import describe_regions
from napari_dinosim._napari.seen import SeenImage, see_image, sign_layers
from napari_dinosim._napari.sentences import counted, enumerated
from napari_dinosim._napari.task import Task
from napari_dinosim.records.files import save_query_record, save_session
from napari_dinosim.records.making import embedded_by, loose_records, record_query
from napari_dinosim.records.settings import ResolutionRecord, Settings
from napari_dinosim.records.values import EncoderRecord, SessionRecord

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.engine import Job
    from napari_dinosim.records.images import LookRecord


class Saving(Task):
    """Writes files, in a worker.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller.engine)
        self._controller = controller

    def save_session(self, path: Path) -> None:
        """Write the session as it is now; a file of that name is replaced when the new one is whole."""
        controller = self._controller
        found = controller.offering.all()
        names = {one.key: one.image.name for one in found}
        images = [
            see_image(one, controller.offering, self._looks(one.key), controller.class_layers.winner_look(one.key))
            for one in found
        ]
        keys = RecordKeys(names)
        points, regions = describe_points(controller, keys), describe_regions(controller, keys)
        facts = self._facts()

        def work(job: Job[Path]) -> Path:
            folder = path.absolute().parent
            found = joined(_described(images, job, folder), keys.absent, points, regions, folder)
            return save_session(SessionRecord(**found, **facts), path, overwrite=True)

        no_file = [layer.name for one in images for layer in one.layers if not (layer.path or layer.sample)]
        more = f" {enumerated(no_file)} came from no file: open that before you open the session." if no_file else ""
        self.start(work, lambda saved: f"Session saved in {saved}.{more}", "Cancelled; nothing was saved.")

    def save_prompts(self, path: Path) -> None:
        """Write the prompts with their vectors.

        Raises
        ------
        RecordError
            If there is none in what is embedded.
        """
        record = record_query(self._controller.session)

        def work(_job: Job[Path]) -> Path:
            return save_query_record(record, path, overwrite=True)

        what = counted(len(record.labels), "point of a file", "points of a file")
        self.start(work, lambda saved: f"Saved as {what} in {saved}, for images by {record.encoder.identity}.")

    def _looks(self, key: str) -> dict[str, LookRecord]:
        """Note how the maps over an image look."""
        looks = {"": self._controller.maps.look(key), **self._controller.class_layers.looks(key)}
        return {label: recorded(one) for label, one in looks.items() if one}

    def _facts(self) -> dict[str, Any]:
        """Note all but the images, the points and the regions."""
        controller, session = self._controller, self._controller.session
        chosen = controller.offering.resolution
        book = controller.prompts.labels.book
        intensities, units = controller.offering.intensities, controller.viewer.layers.units
        return {
            "encoder": EncoderRecord(session.encoder, embedded_by(session)),
            "loose": loose_records(session.prompts),
            "classes": book.classes,
            "label": book.current,
            "tools": controller.tools.choices,
            "settings": Settings(
                controller.combined_by,
                session.scope,
                session.normalisation,
                session.threshold,
                intensities.default,
                intensities.shared,
                ResolutionRecord(str(chosen.cover), chosen.pixels, chosen.length, chosen.unit),  # type: ignore[arg-type]
            ),
            "units": () if units is None else tuple(str(unit) for unit in units),
        }


def _described(images: list[SeenImage], job: Job[Any], folder: Path) -> tuple[Any, ...]:
    layers = [layer for image in images for layer in image.layers]
    signatures = sign_layers(layers, job)
    return tuple(image.record(signatures, folder) for image in images)
