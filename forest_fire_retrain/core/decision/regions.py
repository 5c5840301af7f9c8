"""The regions of a park: quarters of its cells, for which no candidate may get considerably worse."""

import numpy as np


def region_names(latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    """The quarter of the park a cell lies in, split at the median cell; shape (n_cells,).

    Parameters
    ----------
    latitudes, longitudes : numpy.ndarray
        Centroids in degrees, shape (n_cells,).
    """
    north = np.where(latitudes >= np.median(latitudes), "north", "south")
    east = np.where(longitudes >= np.median(longitudes), "east", "west")
    return np.char.add(np.char.add(north, "-"), east).astype(object)
