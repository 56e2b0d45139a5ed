"""The widget of the plugin; napari and magicgui are needed for it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foreknow.cytology.napari.layers import LayerData, find_cells_layers

if TYPE_CHECKING:
    from napari.layers import Image


def find_cells(image: Image, pixel_um: float = 0.0) -> list[LayerData]:
    """Cells and nuclei of an image layer.

    Args:
        image: the layer.
        pixel_um: side of a pixel, micrometres; 0 where it is not known.
    """
    data: Any = image.data[0] if getattr(image, "multiscale", False) else image.data
    return find_cells_layers(np.asarray(data), pixel_um or None)
