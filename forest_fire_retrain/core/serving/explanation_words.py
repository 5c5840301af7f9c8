"""Explanations in sentences: what the command line prints and the page shows.

Rules
-----
- A sentence says what a record holds, and nothing else.
- Log odds stay in tables; sentences speak of chances and of what multiplies the odds.
"""

from forest_fire_retrain.core.serving.chances import chance_of, count, show_chance, show_factor, show_log_odds
from forest_fire_retrain.core.serving.explanations import (
    Breakdown,
    CellHistory,
    Change,
    Explanation,
    Line,
    LoggedPrediction,
    SecondOpinion,
    UsualChance,
    WhatIf,
)
from forest_fire_retrain.core.serving.prediction_log import UNREGISTERED, Role

N_LINES = 12
"""Lines that are shown one by one; the smaller ones are added up in one."""

TOGETHER_WITH = "A line of a feature that was not changed says how it acts together with one that was."

Row = tuple[str, str, str]
"""What, what it adds in log odds, what it does to the odds."""


def title_of(prediction: LoggedPrediction, cell_name: str) -> str:
    """What is asked."""
    return f"Why {show_chance(prediction.probability)} for {name_of(prediction, cell_name)} on {prediction.date}?"


def name_of(prediction: LoggedPrediction, cell_name: str) -> str:
    """`Angeles NF (ANF)`."""
    return cell_name if cell_name == prediction.cell_id else f"{cell_name} ({prediction.cell_id})"


def name_model(prediction: LoggedPrediction) -> str:
    """Who said it, at the beginning of a sentence."""
    if prediction.role == Role.MIXTURE:
        return "The mixture"
    if prediction.model_version == UNREGISTERED:
        return f"The candidate {prediction.candidate_id}, a shadow,"
    shadow = ", a shadow," if prediction.role == Role.SHADOW else ""
    return f"Version {prediction.model_version}{shadow}"


def say_prediction(prediction: LoggedPrediction, cell_name: str) -> str:
    """What was said, by whom, and on what."""
    ahead = f", {count(prediction.lead_days, 'day')} ahead" if prediction.lead_days else ""
    return (
        f"{name_model(prediction)} said {show_chance(prediction.probability)} for "
        f"{name_of(prediction, cell_name)} on {prediction.date}: class {prediction.risk_class}, place "
        f"{prediction.rank} of {prediction.n_cells} cells ({prediction.kind}{ahead}, what was known at "
        f"{prediction.known_at:%Y-%m-%d %H:%M} UTC)."
    )


def say_explanation(answer: Explanation) -> list[str]:
    """The answer in sentences, without its tables."""
    level, whole = answer.breakdown.general_level.log_odds, answer.breakdown.log_odds
    way = (
        f"The general level of the model is {show_chance(chance_of(level))}; the features of cell and day take it to "
        f"{show_chance(chance_of(whole))}."
    )
    return [
        say_prediction(answer.prediction, answer.cell_name),
        "The same model was asked again with the logged values and gave the same chance, to the bit.",
        way,
        *say_history(answer.history),
        *([] if answer.champion_now is None else [say_second_opinion(answer.champion_now, answer.prediction)]),
        *answer.notes,
    ]


def say_champion(answer: Explanation) -> str:
    """Who made the prediction."""
    then = answer.champion_then
    why = f" {then.why.rstrip('.')}." if then.why else ""
    period = f", decided in period {then.partition_key}" if then.partition_key else ""
    who = name_model(answer.prediction).removesuffix(",")
    return f"{who}, trained on days from {then.trained_from} to before {then.trained_until}{period}.{why}"


def say_history(history: CellHistory) -> list[str]:
    """What became of the cell."""
    n_on_day = history.n_fires_on_day
    on_day = "No fire is known" if not n_on_day else "A fire started" if n_on_day == 1 else f"{n_on_day} fires started"
    last = f", the last on {history.last_fires[0]}" if history.last_fires else ""
    said = [f"{on_day} in the cell on that day. Before it {history.n_fires_before} fires of the cell are known{last}."]
    return said if history.usual is None else [*said, _say_usual(history.usual)]


def say_second_opinion(now: SecondOpinion, prediction: LoggedPrediction) -> str:
    """What today's champion says of what was predicted."""
    if now.fault is not None:
        return f"Today's champion, version {now.version}, cannot be asked: {now.fault}."
    if now.difference is None or now.probability is None:
        if prediction.role == Role.SHADOW:
            return f"It is the champion of today, version {now.version}."
        return f"Version {now.version} is still the champion."
    level = now.difference.general_level.log_odds
    seen = " It was trained on this very day, so that it knows what happened." if now.was_trained_on_day else ""
    return (
        f"Today's champion, version {now.version}, says {show_chance(now.probability)} of the same values "
        f"({show_factor(now.difference.log_odds)}); its general level alone makes {show_factor(level)}.{seen}"
    )


def say_what_if(answer: WhatIf) -> list[str]:
    """A supposition in sentences."""
    told = "; ".join(_say_change(change) for change in answer.changes)
    chance, effect = show_chance(answer.probability), show_factor(answer.difference.log_odds)
    return [
        say_prediction(answer.prediction, answer.cell_name),
        f"SUPPOSED, never predicted and not logged: {told}.",
        f"{name_model(answer.prediction)} would have said {chance} ({effect}).",
        *(f"Beware: {warning}" for warning in answer.warnings),
        *([TOGETHER_WITH] if any(_is_unchanged(part, answer) for part in answer.difference.lines) else []),
    ]


def rows_of(breakdown: Breakdown, n_lines: int = N_LINES) -> list[Row]:
    """A table of a prediction: its general level, the largest lines, the rest in one, and all of it together."""
    ends = (
        (breakdown.general_level.sentence, breakdown.general_level.log_odds),
        ("All of it together", breakdown.log_odds),
    )
    first, last = ((what, show_log_odds(odds), f"chance {show_chance(chance_of(odds))}") for what, odds in ends)
    return [first, *_rows_of_lines(breakdown, n_lines), last]


def rows_of_difference(breakdown: Breakdown, n_lines: int = N_LINES) -> list[Row]:
    """A table of what another model, or a supposition, says otherwise; a general level that is the same is left out."""
    level = breakdown.general_level
    last = ("All of it together", show_log_odds(breakdown.log_odds), show_factor(breakdown.log_odds))
    return [*([_row(level)] if level.log_odds else []), *_rows_of_lines(breakdown, n_lines), last]


def facts_of_proof(answer: Explanation) -> dict[str, str]:
    """Which prediction and model it is, to the hash: what a doubter looks up."""
    prediction = answer.prediction
    return {
        "issue": prediction.issue,
        "scored at": f"{prediction.scored_at:%Y-%m-%d %H:%M} UTC",
        "model": f"{prediction.model_name}, {_version_of(prediction)}, candidate {prediction.candidate_id}",
        "artifact SHA-256": prediction.artifact_sha256,
        "feature values SHA-256": f"{prediction.feature_hash} (version {prediction.feature_version} of the features)",
        "chance": repr(prediction.probability),
        "log odds": f"{answer.breakdown.log_odds:.6f}, the parts miss it by {answer.breakdown.deviation:.1g}",
        **({"other issues": ", ".join(answer.other_issues)} if answer.other_issues else {}),
    }


def _version_of(prediction: LoggedPrediction) -> str:
    registered = prediction.model_version != UNREGISTERED
    return f"version {prediction.model_version}" if registered else "never promoted"


def _is_unchanged(part: Line, answer: WhatIf) -> bool:
    return bool(part.log_odds) and not {change.name for change in answer.changes} & set(part.features)


def _say_usual(usual: UsualChance) -> str:
    return (
        f"Of {usual.n_days} days at this time of the year ({usual.first_day} to {usual.last_day}) the same model says "
        f"{show_chance(usual.median)} in the middle and more than {show_chance(usual.highest_tenth)} on a tenth; "
        f"{100 * usual.share_below:.0f}% of them have a smaller chance than this day."
    )


def _say_change(change: Change) -> str:
    return f"{change.sentence_after} (was: {change.sentence_before})"


def _rows_of_lines(breakdown: Breakdown, n_lines: int) -> list[Row]:
    shown = [line for line in breakdown.lines if line.log_odds]
    rest = shown[n_lines:]
    return [*(_row(line) for line in shown[:n_lines]), *([_sum_up(rest)] if rest else [])]


def _row(line: Line) -> Row:
    return line.sentence, show_log_odds(line.log_odds), show_factor(line.log_odds)


def _sum_up(lines: list[Line]) -> Row:
    total = sum(line.log_odds for line in lines)
    return f"{len(lines)} smaller parts", show_log_odds(total), show_factor(total)
