"""A window drawn by Mesa, then timm: two copies of LLVM in one process, in one of its own because it may crash."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=True)
for _ in range(20):
    QApplication.processEvents()
{bind}
import timm
print(timm.create_model("vit_tiny_patch16_224").num_features)
viewer.close()
"""

BIND = "from napari_dinosim.encoders._llvm import bind_triton_to_itself; bind_triton_to_itself()"


def test_timm_can_be_imported_after_a_window_was_drawn():
    run = subprocess.run([sys.executable, "-c", CODE.format(bind=BIND)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.split() == ["192"]
