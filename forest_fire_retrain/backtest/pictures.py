"""Pictures of a backtest: loss by year against climatology, and when each rule promoted."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forest_fire_retrain.backtest.measures import RuleMeasures
from forest_fire_retrain.backtest.replaying import StreamResult
from forest_fire_retrain.backtest.streams import RuleName
from forest_fire_retrain.core.decision.wording import counted

WIDTH_INCHES, ROW_INCHES, DOTS_PER_INCH = 9.0, 2.6, 110
COLOURS = {
    RuleName.FROZEN: "#7a7a7a",
    RuleName.NEWEST: "#c1440e",
    RuleName.ANY_IMPROVEMENT: "#20639b",
    RuleName.MARGIN: "#3caea3",
    RuleName.LISTING3: "#b8860b",
    RuleName.OURS: "#000000",
}
FEWEST_DAYS = 28


def draw_figures(results: Sequence[StreamResult], folder: Path) -> list[Path]:
    """Write `loss_by_year.png` and `promotions.png` into `folder`, which exists."""
    by_scenario = [list(streams) for _, streams in groupby(results, key=lambda result: result.scenario)]
    pictures = {"loss_by_year.png": _draw_losses, "promotions.png": _draw_promotions}
    paths = []
    for name, draw in pictures.items():
        figure = Figure(figsize=(WIDTH_INCHES, 0.8 + ROW_INCHES * len(by_scenario)), layout="constrained")
        panels = figure.subplots(len(by_scenario), 1, squeeze=False)[:, 0]
        for axes, streams in zip(panels, by_scenario, strict=True):
            draw(axes, streams)
        FigureCanvasAgg(figure).print_figure(str(folder / name), dpi=DOTS_PER_INCH)
        paths.append(folder / name)
    return paths


def losses_above_climatology(column: Sequence[RuleMeasures]) -> dict[int, float]:
    """Loss relative to climatology, %, by calendar year: the mean over the streams in production for long enough in it.

    Streams begin when every rule has a champion, which may be in different years.
    """
    by_year: defaultdict[int, list[float]] = defaultdict(list)
    for year in (year for measures in column for year in measures.years):
        if year.n_days >= FEWEST_DAYS:
            by_year[year.year].append(100 * (year.log_loss / year.climatology - 1))
    return {year: fmean(by_year[year]) for year in sorted(by_year)}


def _draw_losses(axes: Axes, streams: Sequence[StreamResult]) -> None:
    """Mean over streams of the year's loss relative to climatology; years of a few days are left out."""
    for place, measures in enumerate(streams[0].rules):
        above = losses_above_climatology([stream.rules[place] for stream in streams])
        is_ours = measures.rule is RuleName.OURS
        axes.plot(
            list(above),
            list(above.values()),
            color=COLOURS[measures.rule],
            label=str(measures.rule),
            linewidth=2.2 if is_ours else 1.1,
            marker="o",
            markersize=3,
        )
    axes.axhline(0.0, color="black", linewidth=0.6, linestyle=":")
    axes.set_ylabel("log loss against\nclimatology, %", fontsize=8)
    axes.set_title(_title(streams), fontsize=9)
    axes.legend(fontsize=7, ncols=len(COLOURS))


def _draw_promotions(axes: Axes, streams: Sequence[StreamResult]) -> None:
    """A dot per promotion of the first stream; hollow where the truth says that it was for the worse."""
    rules = streams[0].rules
    for height, measures in enumerate(rules):
        for promotion in measures.promotions:
            is_worse = promotion.true_gain is not None and promotion.true_gain < 0
            axes.plot(
                [np.datetime64(promotion.as_of)],
                [height],
                marker="o",
                markersize=4,
                markerfacecolor="white" if is_worse else COLOURS[measures.rule],
                markeredgecolor=COLOURS[measures.rule],
            )
    axes.set_yticks(range(len(rules)), [f"{measures.rule} ({measures.n_promotions})" for measures in rules], fontsize=8)
    axes.set_ylim(len(rules) - 0.5, -0.5)
    axes.set_title(f"Promotions, {streams[0].label}", fontsize=9)


def _title(streams: Sequence[StreamResult]) -> str:
    seeds = ", ".join(str(stream.seed) for stream in streams)
    return f"{streams[0].scenario}, {streams[0].cadence}, {counted(len(streams), 'stream')}: {seeds}"
