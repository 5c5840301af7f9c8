"""Explanations as pictures: bars to the right raise the chance, bars to the left lower it."""

import base64
import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from forest_fire_retrain.core.serving.chances import chance_of, show_chance, show_factor
from forest_fire_retrain.core.serving.decision_explanations import DecisionExplanation
from forest_fire_retrain.core.serving.explanation_words import name_model, name_of
from forest_fire_retrain.core.serving.explanations import Explanation, Line, WhatIf, line

N_BARS = 10
WIDTH_INCHES = 9.0
DOTS_PER_INCH = 110
RAISES, LOWERS = "#c1440e", "#20639b"
Bar = tuple[str, float]


def draw_explanation(answer: Explanation) -> Figure:
    """The largest parts of a prediction; where it starts from and where it ends stands above."""
    level, end = answer.breakdown.general_level.log_odds, answer.breakdown.log_odds
    prediction = answer.prediction
    who = name_model(prediction).removesuffix(",")
    title = (
        f"{name_of(prediction, answer.cell_name)}, {prediction.date}, {who[0].lower()}{who[1:]}: from the "
        f"general level, {show_chance(chance_of(level))}, to {show_chance(chance_of(end))}"
    )
    return draw_lines(answer.breakdown.lines, title)


def draw_what_if(answer: WhatIf) -> Figure:
    """What a supposition changes."""
    title = (
        f"SUPPOSED: {name_of(answer.prediction, answer.cell_name)}, {answer.prediction.date}: "
        f"{show_chance(answer.prediction.probability)} would have been {show_chance(answer.probability)}"
    )
    return draw_lines(answer.difference.lines, title)


def draw_decision(answer: DecisionExplanation) -> Figure:
    """The features that moved most: their mean difference, the general level as a bar of its own."""
    title = f"Decision of {answer.partition_key}: the candidate against version {answer.champion_version}, mean"
    moved = [line(feature.features, feature.name, feature.mean) for feature in answer.features]
    return draw_lines([answer.general_level, *moved], title)


def draw_lines(lines: Sequence[Line], title: str) -> Figure:
    """A bar per line, the first ten; the rest in one."""
    bars = _choose_bars(lines)
    figure = Figure(figsize=(WIDTH_INCHES, 1.3 + 0.34 * max(len(bars), 1)), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    values = [value for _, value in bars]
    places = range(len(bars), 0, -1)
    drawn = axes.barh(list(places), values, color=[RAISES if value > 0 else LOWERS for value in values])
    axes.bar_label(drawn, [show_factor(value).removeprefix("odds ") for value in values], padding=3, fontsize=8)
    axes.set_yticks(list(places), [name for name, _ in bars], fontsize=9)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.12)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.supxlabel(
        "left: lowers the chance; right: raises it (log odds). Beside each bar: by what it multiplies the odds",
        fontsize=8,
    )
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def as_data_address(figure: Figure) -> str:
    """The picture as a PNG that can stand in a page."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _choose_bars(lines: Sequence[Line]) -> list[Bar]:
    shown = [part for part in lines if part.log_odds]
    rest = shown[N_BARS:]
    bars = [(part.sentence, part.log_odds) for part in shown[:N_BARS]]
    return [*bars, *([(f"{len(rest)} smaller parts", sum(part.log_odds for part in rest))] if rest else [])]
