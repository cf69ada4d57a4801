"""Embeddings of planted vectors, without an encoder."""

import numpy as np
import torch

from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.similarity import unit_vectors


def embedded(vectors: np.ndarray, encoder: str = "planted", dtype=torch.float32) -> PatchEmbeddings:
    """Unit vectors of any directions, (rows, cols, D), as the embeddings of an image."""
    rows, cols = vectors.shape[:2]
    units = unit_vectors(torch.from_numpy(vectors).float()).to(dtype)
    return PatchEmbeddings(Mosaic.of(units), PatchGrid(rows * 4, cols * 4, 4), encoder)


def half_written(rows: int, cols: int, vectors: np.ndarray, upto: int) -> PatchEmbeddings:
    """Only the first columns are embedded."""
    mosaic = Mosaic(rows, cols)
    mosaic.add(0, 0, unit_vectors(torch.from_numpy(vectors[:, :upto]).float()))
    return PatchEmbeddings(mosaic, PatchGrid(rows * 4, cols * 4, 4), "planted")
