from events import spin
from napari_dinosim._napari.demo import open_demo
from napari_dinosim.demo import CLICK


def test_the_demo_opens_with_both_maps(monkeypatch, make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    monkeypatch.setattr("napari.Viewer", lambda **_: viewer)
    assert open_demo(CLICK, run=False) is viewer
    assert spin(60, lambda: sum("similarity" in layer.name for layer in viewer.layers) == 2)
    maps = {layer.name: layer for layer in viewer.layers if "similarity" in layer.name}
    left = maps["similarity · motorcycle left"]
    assert spin(5, lambda: left.data[int(CLICK[0]), int(CLICK[1])] > 0.95)
    assert left.data[480, 300] < 0.4
