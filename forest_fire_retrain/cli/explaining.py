"""`forest-fire explain`: a prediction, a supposition or a decision, on the screen, as JSON or as a page.

Rules
-----
- What cannot be said again to the bit is not explained: one message says why, and the exit code is 1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from forest_fire_retrain import investigate
from forest_fire_retrain.adapters.atomic_files import written_beside
from forest_fire_retrain.cli.console import out, print_facts, print_json, print_table
from forest_fire_retrain.cli.speech import complain
from forest_fire_retrain.core.errors import HomeError, NotReproducedError, RefusedRequestError
from forest_fire_retrain.core.serving.chances import show_chance, show_log_odds
from forest_fire_retrain.core.serving.decision_explanations import DecisionExplanation, Disagreement
from forest_fire_retrain.core.serving.explanation_words import (
    facts_of_proof,
    rows_of,
    rows_of_difference,
    say_champion,
    say_explanation,
    say_what_if,
    title_of,
)
from forest_fire_retrain.core.serving.explanations import Explanation, WhatIf
from forest_fire_retrain.core.serving.mixture_explanations import (
    PART_COLUMNS,
    MixtureExplanation,
    rows_of_parts,
    say_mixture,
)
from forest_fire_retrain.installation import build_installation
from forest_fire_retrain.pipeline.investigating.supposing import parse_changes
from forest_fire_retrain.settings import Settings

EXIT_NO = 1
PARTS = ("what", "log odds", "effect")
N_PARTS = 5


class Question(NamedTuple):
    """What a person typed.

    Attributes
    ----------
    cell, date, issue : str, optional
        Which prediction.
    changes : sequence of str
        What is supposed, as `NAME=VALUE`.
    partition : str, optional
        Which decision, instead.
    """

    cell: str | None
    date: str | None
    issue: str | None
    changes: Sequence[str]
    partition: str | None


def answer_question(settings: Settings, question: Question, html: Path | None, *, as_json: bool) -> None:
    """Answer on the screen or as JSON, and write the page if a file is named.

    Raises
    ------
    SystemExit
        With 1, if what is asked about cannot be said again to the bit; nothing is drawn then.
    RefusedRequestError
        If the question is none, or the log has no such prediction.
    """
    try:
        answer = _answer(settings, question)
    except NotReproducedError as error:
        _say_no(error, as_json=as_json)
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        _print(answer)
    if html is not None:
        _write_page(answer, html)
        if not as_json:
            out.print(f"The page is in {html}.", markup=False)


def _answer(settings: Settings, question: Question) -> investigate.Answer:
    _refuse_half_a_question(question)
    installation = build_installation(settings)
    if question.partition is not None:
        return investigate.explain_decision(question.partition, installation=installation)
    cell, date = question.cell or "", question.date or ""
    if not question.changes:
        return investigate.explain(cell, date, issue=question.issue, installation=installation)
    changes = parse_changes(question.changes)
    return investigate.what_if(cell, date, changes, issue=question.issue, installation=installation)


def _refuse_half_a_question(question: Question) -> None:
    about_prediction = [question.cell, question.date, question.issue, *question.changes]
    if question.partition is not None and any(about_prediction):
        msg = "--partition asks about a decision, --cell and --date about a prediction; ask one of them"
        raise RefusedRequestError(msg)
    if question.partition is None and not (question.cell and question.date):
        msg = "name a prediction with --cell and --date, or a decision with --partition"
        raise RefusedRequestError(msg)


def _say_no(error: NotReproducedError, *, as_json: bool) -> None:
    if as_json:
        print_json({"reproduced": False, "why": str(error)})
    else:
        complain(str(error))
    raise SystemExit(EXIT_NO) from None


def _print(answer: investigate.Answer) -> None:
    if isinstance(answer, Explanation):
        _print_explanation(answer)
    elif isinstance(answer, MixtureExplanation):
        _print_mixture(answer)
    elif isinstance(answer, WhatIf):
        _print_sentences("Supposed", say_what_if(answer))
        print_table("What it changes", PARTS, rows_of_difference(answer.difference))
    else:
        _print_decision(answer)


def _print_explanation(answer: Explanation) -> None:
    _print_sentences(title_of(answer.prediction, answer.cell_name), [*say_explanation(answer), say_champion(answer)])
    print_table("What it is made up of", PARTS, rows_of(answer.breakdown))
    if answer.history.days_before:
        days = [
            (day.date, show_chance(day.probability), day.risk_class, day.n_fires) for day in answer.history.days_before
        ]
        print_table("The days before, from the log", ("day", "chance", "class", "fires"), days)
    now = answer.champion_now
    if now is not None and now.difference is not None:
        print_table(
            f"What today's champion, version {now.version}, says otherwise", PARTS, rows_of_difference(now.difference)
        )
    print_facts("How to look it up", facts_of_proof(answer))


def _print_mixture(answer: MixtureExplanation) -> None:
    _print_sentences(title_of(answer.prediction, answer.cell_name), say_mixture(answer))
    print_table("Its parts", PART_COLUMNS, rows_of_parts(answer))
    for part in answer.largest:
        _print_explanation(part)


def _print_decision(answer: DecisionExplanation) -> None:
    _print_sentences(f"The decision of {answer.partition_key}", [answer.sentence, *answer.sentences])
    level = answer.general_level
    rows = [(level.sentence, f"{abs(level.log_odds):.3f}", show_log_odds(level.log_odds))]
    rows += [(part.name, f"{part.mean_absolute:.3f}", show_log_odds(part.mean)) for part in answer.features]
    print_table("What moved, in log odds", ("what", "mean size", "mean"), rows)
    for name, parts in (("Cells", answer.cells), ("Days", answer.days), ("Regions", answer.regions)):
        _print_disagreements(f"{name} in which they disagree most", parts[:N_PARTS])


def _print_disagreements(title: str, parts: Sequence[Disagreement]) -> None:
    columns = ("where", "cell-days", "fires", "champion", "candidate", "mean size", "mean")
    rows = [
        (
            part.name,
            part.n_rows,
            part.n_fires,
            show_chance(part.champion),
            show_chance(part.candidate),
            f"{part.mean_absolute:.2f}",
            show_log_odds(part.mean),
        )
        for part in parts
    ]
    print_table(title, columns, rows)


def _print_sentences(title: str, sentences: Sequence[str]) -> None:
    out.print(title, style="bold", markup=False)
    for sentence in sentences:
        out.print(f"  {sentence}", markup=False)


def _write_page(answer: investigate.Answer, html: Path) -> None:
    try:
        with written_beside(html) as beside:
            beside.write_text(investigate.page_of(answer), encoding="utf-8")
    except OSError as error:
        msg = f"the page {html} cannot be written: {error}"
        raise HomeError(msg) from error
