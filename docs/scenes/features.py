"""What the encoder sees without any point: colours and clusters."""

from __future__ import annotations

from picture_desk import desk, spin


def features() -> None:
    """Show the features of the pair: colours above, clusters below."""
    with desk("pair") as at:
        at.put_below()
        at.start()
        section = next(one for one in at.widget.sections if one.text().endswith("Features"))
        at.press_button(section.toggleButton())
        spin(0.5)
        for button, task in (
            (section.colours, section.features.colours),
            (section.clusters, section.features.clusters),
        ):
            at.press(button)
            spin(until=lambda task=task: not task.running)
        for layer in at.viewer.layers:
            if layer.name == "clusters · motorcycle left":
                layer.visible = False
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("features")


SCENES = (features,)
