"""The cost that is foretold is the cost."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from napari_dinosim import Sampling, embed
from napari_dinosim.cost import Cost, expected_cost
from napari_dinosim.errors import ResolutionError
from pictures import colours
from planted import MeanColourEncoder, planted_spec


@dataclass(eq=False)
class CountingEncoder(MeanColourEncoder):
    """Counts the patches it is given."""

    patches: int = 0

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        self.patches += int(np.prod(tokens.shape[:3]))
        return tokens


@pytest.mark.parametrize("finer", [1, 2, 4])
@pytest.mark.parametrize("zoom", [1, 0.3, 2.5])
@pytest.mark.parametrize(("shape", "size"), [((300, 410), 16), ((700, 500), 14)])
def test_what_is_foretold_is_what_is_done(shape, size, zoom, finer):
    encoder = CountingEncoder(planted_spec(size))
    foretold = expected_cost(shape, encoder.spec, Sampling.zoomed(zoom), finer)
    found = embed(colours(*shape), encoder, sampling=Sampling.zoomed(zoom), finer=finer)
    assert foretold.patches == found.vectors.shape[0] * found.vectors.shape[1]
    assert foretold.memory == found.vectors.nbytes
    assert foretold.encoded == encoder.patches


def test_planes_and_precision_and_speed():
    one = expected_cost((320, 480), planted_spec(16, dimension=384))
    assert one == Cost(600, 600, 600 * 384 * 4, None)
    many = expected_cost((320, 480), planted_spec(16, dimension=384), planes=7, per_second=300, number_bytes=2)
    assert many == Cost(4200, 4200, 4200 * 384 * 2, 14)


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ResolutionError, match="expected at least 1 × 1"):
        expected_cost((320, 480), planted_spec(16), Sampling.zoomed(40))
