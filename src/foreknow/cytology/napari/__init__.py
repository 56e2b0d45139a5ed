"""A plugin of napari: cells, nuclei and measurements of the image that is shown."""

from foreknow.cytology.napari.layers import LayerData, find_cells_layers, layers_of, read_results, reader_of

__all__ = ["LayerData", "find_cells_layers", "layers_of", "read_results", "reader_of"]
