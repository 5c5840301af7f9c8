"""Pictures for the web UI, as PNG: reliability, evidence over weeks, the champions with their skill.

Drawing takes the figures it is given and decides nothing. Values that are not finite are left out.
"""

import datetime as dt
import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forest_fire_retrain.core.decision.case import Comparison
from forest_fire_retrain.core.decision.scored_rows import ScoredRows
from forest_fire_retrain.core.ledger.reigns import Reign
from forest_fire_retrain.core.monitoring.quality_report import QualityReport

SIZE_INCHES = (5.2, 3.2)
CHAMPION_INCHES = (9.0, 2.6)
"""As tall as an asset's page shows of a description without a click."""
DOTS_PER_INCH = 70
FRAME = (0.13, 0.2, 0.84, 0.68)
"""Fixed margins: laying them out anew takes longer than the rest of the drawing."""

N_BINS = 10
MIN_BINS = 2
COLOURS = {"candidate": "#c1440e", "champion": "#20639b", "climatology": "#7a7a7a"}


def draw_decision(comparison: Comparison, against: str, rows: ScoredRows | None) -> dict[str, bytes]:
    """The pictures of a decision by their names; without scored `rows` there is no reliability."""
    pictures = {"evidence": draw_evidence(comparison, against)}
    if rows is not None:
        pictures["reliability"] = draw_reliability(rows)
    return pictures


def draw_reliability(rows: ScoredRows) -> bytes:
    """Observed against predicted rate of fire starts in bins of equal expected fires, as PNG."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
    axes = figure.add_axes(FRAME)
    series = {"candidate": rows.challenger, "champion": rows.champion, "climatology": rows.climatology}
    for name, probabilities in series.items():
        if probabilities is None:
            continue
        predicted, observed = bin_rates(rows.labels, probabilities)
        axes.plot(predicted, observed, marker="o", markersize=4, linewidth=1, color=COLOURS[name], label=name)
    top = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, top], [0, top], color="black", linewidth=0.6, linestyle=":")
    axes.set_xlabel("predicted rate of fire starts")
    axes.set_ylabel("observed rate")
    axes.set_title(f"Reliability, {rows.window}", fontsize=9)
    axes.legend(fontsize=8)
    return as_png(figure)


def bin_rates(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean prediction and rate of fires per bin, at most ten bins that each expect as many fires."""
    order = np.argsort(probabilities, kind="stable")
    expected = np.cumsum(probabilities[order])
    n_bins = int(np.clip(labels.sum() / 3, MIN_BINS, N_BINS))
    places = np.minimum((expected / expected[-1] * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(places, minlength=n_bins)
    filled = counts > 0
    predicted = np.bincount(places, weights=probabilities[order], minlength=n_bins)[filled] / counts[filled]
    observed = np.bincount(places, weights=labels[order], minlength=n_bins)[filled] / counts[filled]
    return predicted, observed


def draw_evidence(comparison: Comparison, against: str) -> bytes:
    """Forest plot: the gain of every block, oldest on top, and below them the mean with its interval; as PNG."""
    gains = np.array(comparison.block_gains)
    figure = Figure(figsize=(SIZE_INCHES[0], 1.4 + 0.11 * (len(gains) + 2)), dpi=DOTS_PER_INCH)
    axes = figure.add_axes((0.13, 0.22, 0.84, 0.64))
    base = comparison.champion_loss
    percent = 100 * gains / base if base > 0 else gains
    heights = np.arange(len(gains), 0, -1) + 1
    axes.axvline(0, color="black", linewidth=0.6)
    axes.scatter(
        percent, heights, s=16, marker="s", color=np.where(gains > 0, COLOURS["candidate"], COLOURS["champion"])
    )
    interval = 100 * np.array([comparison.interval_low, comparison.interval_high])
    if np.isfinite(interval).all():
        axes.plot(interval, [0, 0], color="black", linewidth=1.2)
        axes.plot(100 * comparison.relative_gain, 0, marker="D", color="black", markersize=6)
    ends = {0: "mean", **({heights[0]: "oldest"} if len(gains) > 1 else {}), **({2: "newest"} if len(gains) else {})}
    axes.set_yticks(list(ends), list(ends.values()))
    axes.set_xlabel("gain, % of the mean block loss; below, the mean with its interval")
    axes.set_title(f"Candidates against {against}: right of 0 the candidate is better", fontsize=9)
    return as_png(figure)


def draw_champion(reigns: Sequence[Reign], until: dt.date, days: Sequence[dt.date], skills: Sequence[float]) -> bytes:
    """Which version was champion when, by partition time, and below it its skill on each window, as PNG.

    Parameters
    ----------
    reigns : sequence of Reign
        All of them, the present one last.
    until : datetime.date
        Day up to which the present champion is drawn.
    days : sequence of datetime.date
        Starts of the windows.
    skills : sequence of float
        One minus the loss of the model in production over climatology's, per window.
    """
    figure = Figure(figsize=CHAMPION_INCHES, dpi=DOTS_PER_INCH)
    dated = [(reign.as_of, reign.version) for reign in reigns if reign.as_of is not None]
    strip = figure.add_axes((0.1, 0.72, 0.87, 0.16))
    skill = figure.add_axes((0.1, 0.17, 0.87, 0.5), sharex=strip)
    for place, (start, version) in enumerate(dated):
        end = dated[place + 1][0] if place + 1 < len(dated) else max(until, start + dt.timedelta(days=1))
        edges = np.array([start, end], dtype="datetime64[D]")
        strip.fill_between(edges, 0, 1, color=f"C{place % 10}", alpha=0.7)
        strip.text(edges[0] + (edges[1] - edges[0]) / 2, 0.5, f"v{version}", ha="center", va="center", fontsize=8)
    strip.set_yticks([])
    strip.tick_params(axis="x", labelbottom=False)
    strip.set_title("Champion by period; below, how much better than climatology it was", fontsize=9)
    values = 100 * np.array(skills, dtype=float)
    skill.plot(np.array(days, dtype="datetime64[D]"), values, marker=".", linewidth=0.8, color=COLOURS["champion"])
    skill.axhline(0, color="black", linewidth=0.6)
    skill.set_ylabel("skill, %", fontsize=8)
    skill.tick_params(axis="x", labelrotation=20, labelsize=7)
    return as_png(figure)


def draw_quality(report: QualityReport) -> bytes:
    """The chart of a reign with its limit, weeks whose reports are doubted in grey, as PNG."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
    axes = figure.add_axes(FRAME)
    days = np.array([week.week.end for week in report.weeks], dtype="datetime64[D]")
    axes.plot(days, [week.cusum for week in report.weeks], linewidth=1, color=COLOURS["champion"])
    axes.axhline(report.rule.cusum_limit, color=COLOURS["candidate"], linewidth=0.8, linestyle="--")
    for week in report.weeks:
        if week.doubted:
            axes.axvspan(*np.array([week.week.start, week.week.end], dtype="datetime64[D]"), color="0.85")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("chart, standard deviations")
    axes.set_title(f"Version {report.version}: {report.state}; alarm above the dashed line", fontsize=9)
    axes.tick_params(axis="x", labelrotation=30, labelsize=7)
    return as_png(figure)


def as_png(figure: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
