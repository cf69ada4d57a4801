"""Going to a place: the camera and the sliders move, and no more of them than the place says."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dinosim._napari.jumping import jump_to, point_in


@pytest.mark.parametrize(
    ("ndim", "plane", "point"),
    [
        (2, (), (23.5, 103.5)),
        (3, (2,), (2, 23.5, 103.5)),
        (4, (3, 1), (3, 1, 23.5, 103.5)),
        (3, (2, -3, -1), (23.5, 2, 103.5)),
    ],
)
def test_a_place_in_a_plane_has_coordinates_along_all_axes(ndim, plane, point):
    np.testing.assert_array_equal(point_in(ndim, plane, 23.5, 103.5), point)


def test_an_image_of_fewer_axes_leaves_the_other_sliders_where_they_are(bench):
    bench.add(np.zeros((4, 90, 157)), name="stack", scale=(3, 1, 1))
    flat = bench.add(np.zeros((50, 70)), name="flat", scale=(2, 0.5), translate=(7, 300))
    bench.viewer.dims.set_current_step(0, 2)
    jump_to(bench.viewer, flat, np.array([23.5, 39.5]))
    np.testing.assert_allclose(bench.viewer.scene.camera.center[-2:], (54, 319.75))
    assert bench.viewer.dims.current_step[0] == 2


def test_an_axis_on_screen_that_an_image_lacks_is_where_the_slider_stands(bench):
    bench.add(np.zeros((4, 90, 157)), name="stack", scale=(3, 1, 1))
    flat = bench.add(np.zeros((50, 70)), name="flat", scale=(2, 0.5))
    bench.viewer.dims.set_current_step(0, 2)
    bench.viewer.dims.order = (1, 0, 2)
    jump_to(bench.viewer, flat, np.array([23.5, 39.5]))
    np.testing.assert_allclose(bench.viewer.scene.camera.center[-2:], (6, 19.75))
    assert bench.viewer.dims.point[1] == 47


def test_in_3d_the_camera_goes_there_along_all_axes(bench):
    stack = bench.add(np.zeros((4, 90, 157)), name="stack", scale=(3, 1, 1))
    bench.viewer.dims.ndisplay = 3
    jump_to(bench.viewer, stack, np.array([2, 23.5, 39.5]))
    np.testing.assert_allclose(bench.viewer.scene.camera.center, (6, 23.5, 39.5))
