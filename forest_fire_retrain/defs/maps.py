"""The day's map for the web UI: cells by position, size and colour by class, the highest by name.

Drawing takes the figures it is given and decides nothing.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forest_fire_retrain.defs.pictures import DOTS_PER_INCH, as_png

PANEL_INCHES = (4.4, 3.9)
N_NAMED = 3
MANY_CELLS, SQUARES_AREA = 80, 5_000
LINE_SHARE, EPSILON = 0.07, 1e-9
RING = "#20639b"
PALETTE = "YlOrRd"
PALEST, DARKEST = 0.12, 0.95


class Place(NamedTuple):
    """A cell on the map."""

    cell_id: str
    name: str
    longitude: float
    latitude: float
    place_in_classes: int
    rank: int


class DayOnMap(NamedTuple):
    """One panel: where cells lie and what was said of them, and in which of them a fire was reported."""

    title: str
    places: Sequence[Place]
    reported: frozenset[str] = frozenset()


def lay_out(title: str, rows: pa.Table, cells: pa.Table, classes: Sequence[str], reported: frozenset[str]) -> DayOnMap:
    """The panel of an issue: its `rows`, and the `cells` that know where they lie."""
    found = pc.index_in(rows["cell_id"], cells["cell_id"].combine_chunks())
    where = cells.select(["name", "longitude", "latitude"]).take(found.combine_chunks())
    figures = zip(
        rows["cell_id"].to_pylist(),
        where["name"].to_pylist(),
        where["longitude"].to_pylist(),
        where["latitude"].to_pylist(),
        rows["risk_class"].to_pylist(),
        rows["rank"].to_pylist(),
        strict=True,
    )
    known = [
        Place(cell_id, called, longitude, latitude, classes.index(name) if name in classes else 0, rank)
        for cell_id, called, longitude, latitude, name, rank in figures
        if longitude is not None
    ]
    return DayOnMap(title, known, reported)


def draw_map(days: Sequence[DayOnMap], classes: Sequence[str]) -> bytes:
    """One panel per day, side by side, with the classes explained below, as PNG."""
    width, height = PANEL_INCHES
    figure = Figure(figsize=(width * len(days), height), dpi=DOTS_PER_INCH)
    for number, day in enumerate(days):
        share = 1 / len(days)
        axes = figure.add_axes((share * (number + 0.13), 0.24, share * 0.83, 0.66))
        _draw_day(axes, day, len(classes))
    handles = [handle for axes in figure.axes for handle in axes.get_legend_handles_labels()[0]]
    for place, name in enumerate(classes):
        handles.append(figure.axes[0].scatter([], [], s=28, color=_colour(place, len(classes)), label=_said(name)))
    figure.legend(handles=handles, loc="lower center", ncols=min(len(handles), 6), fontsize=7, frameon=False)
    return as_png(figure)


def _draw_day(axes: Axes, day: DayOnMap, n_classes: int) -> None:
    ordered = sorted(day.places, key=lambda place: -place.rank)  # the most dangerous on top
    x, y, number = (np.array([place[column] for place in ordered], dtype=float) for column in (2, 3, 4))
    colours = np.array([_colour(place, n_classes) for place in range(n_classes)])[number.astype(int)]
    if len(ordered) <= MANY_CELLS:
        axes.scatter(x, y, s=16.0 * (1 + number) ** 1.2, c=colours, edgecolors="#555555", linewidths=0.2)
    else:  # one square each, without soft edges, keeps the picture small
        axes.scatter(
            x, y, s=_square(len(ordered)) * (1 + number / 4), c=colours, marker="s", linewidths=0, antialiased=False
        )
    burnt = [place for place in ordered if place.cell_id in day.reported]
    if burnt:
        axes.scatter(
            [place.longitude for place in burnt],
            [place.latitude for place in burnt],
            s=190,
            facecolors="none",
            edgecolors=RING,
            linewidths=1.4,
            label="fire reported",
        )
    _name_highest(axes, ordered[::-1][: N_NAMED if len(ordered) <= MANY_CELLS else 1], x, y)
    axes.margins(0.12)
    axes.locator_params(nbins=5)
    axes.set_title(day.title, fontsize=8)
    axes.tick_params(labelsize=6)
    axes.set_xlabel("longitude, °E", fontsize=7)
    axes.set_ylabel("latitude, °N", fontsize=7)


def _name_highest(axes: Axes, highest: Sequence[Place], x: np.ndarray, y: np.ndarray) -> None:
    """Write the names of the highest cells beside them, one below the other where they would meet."""
    taken: list[float] = []
    for place in highest:
        is_east = place.longitude > (x.min() + x.max()) / 2
        line = (place.latitude - y.min()) / max(float(np.ptp(y)), EPSILON)
        n_met = sum(abs(line - other) < LINE_SHARE for other in taken)
        taken.append(line)
        axes.annotate(
            place.name,
            (place.longitude, place.latitude),
            xytext=(-5 if is_east else 5, 4 - 9 * n_met),
            ha="right" if is_east else "left",
            textcoords="offset points",
            fontsize=7,
        )


def _square(n_cells: int) -> float:
    """Area of a cell's square, in points, so that squares of many cells just do not touch."""
    return max(1.5, SQUARES_AREA / n_cells)


def _colour(place: int, n_classes: int) -> tuple[float, ...]:
    share = place / max(n_classes - 1, 1)
    return tuple(float(part) for part in colormaps[PALETTE](PALEST + share * (DARKEST - PALEST)))


def _said(name: str) -> str:
    return name.replace("_", " ")


def title_of(day: dt.date, author: str, kind: str) -> str:
    """What stands over a panel; the author is the one that an issue names."""
    return f"{day}, {author}{'' if kind == 'live' else f', {kind}'}"
