"""An explanation as one page that anybody can open and keep: no script, no address, nothing loaded from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape

from forest_fire_retrain.core.serving.chances import show_chance, show_log_odds
from forest_fire_retrain.core.serving.decision_explanations import DecisionExplanation, Disagreement
from forest_fire_retrain.core.serving.explanation_words import (
    facts_of_proof,
    name_model,
    name_of,
    rows_of,
    rows_of_difference,
    say_champion,
    say_explanation,
    say_what_if,
    title_of,
)
from forest_fire_retrain.core.serving.explanations import Explanation, LoggedDay, WhatIf
from forest_fire_retrain.core.serving.mixture_explanations import (
    PART_COLUMNS,
    MixtureExplanation,
    rows_of_parts,
    say_mixture,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is run and nothing is fetched, whatever stands in the page."""
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.1em; margin-top: 2em; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25em .6em .25em 0; }
th { border-bottom: 2px solid #888; } td { border-bottom: 1px solid #ddd; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; } tr.whole td { font-weight: bold; }
img { max-width: 100%; } .small { font-size: .85em; overflow-wrap: anywhere; }
.supposed { border: 2px solid #c1440e; padding: .5em 1em; }
"""
PARTS = ("what", "adds (log odds)", "effect")
HOW_TO_READ = (
    "Each line multiplies the odds, chance against no chance, by the factor on the right: above 1 it raises the "
    "chance, below 1 it lowers it. The general level is what the model says before it knows cell and day."
)


def render_explanation(answer: Explanation, picture: str) -> str:
    """The page of a prediction; `picture` is the image's bytes as a data address."""
    title = title_of(answer.prediction, answer.cell_name)
    now = answer.champion_now
    blocks = [
        _paragraphs(say_explanation(answer)),
        _image(picture, "What raises and what lowers the chance"),
        f"<h2>What it is made up of</h2>{_paragraphs([HOW_TO_READ])}{_parts(rows_of(answer.breakdown))}",
        f"<h2>Who said it</h2>{_paragraphs([say_champion(answer)])}",
    ]
    if answer.history.days_before:
        blocks.append(f"<h2>The days before, from the log</h2>{_days(answer.history.days_before)}")
    if now is not None and now.difference is not None:
        heading = f"<h2>What today's champion, version {now.version}, says otherwise</h2>"
        blocks.append(f"{heading}{_parts(rows_of_difference(now.difference))}")
    blocks.append(f"<h2>How to look it up</h2>{_facts(facts_of_proof(answer))}")
    return _page(title, blocks)


def render_mixture(answer: MixtureExplanation, pictures: Sequence[str]) -> str:
    """The page of a mixture's prediction; `pictures` are those of its largest parts, in their order."""
    rows = rows_of_parts(answer)
    blocks = [
        _paragraphs(say_mixture(answer)),
        f"<h2>Its parts</h2>{_table(PART_COLUMNS, rows, [*[''] * (len(rows) - 1), 'whole'])}",
    ]
    for part, picture in zip(answer.largest, pictures, strict=True):
        heading = f"<h2>{escape(name_model(part.prediction).removesuffix(','))}</h2>"
        blocks.append(f"{heading}{_paragraphs(say_explanation(part))}{_image(picture, 'What raises and what lowers')}")
        blocks.append(f"{_paragraphs([HOW_TO_READ])}{_parts(rows_of(part.breakdown))}{_facts(facts_of_proof(part))}")
    return _page(title_of(answer.prediction, answer.cell_name), blocks)


def render_what_if(answer: WhatIf, picture: str) -> str:
    """The page of a supposition, marked as one."""
    title = f"Supposed: another day for {name_of(answer.prediction, answer.cell_name)} on {answer.prediction.date}"
    return _page(
        title,
        [
            f'<div class="supposed">{_paragraphs(say_what_if(answer))}</div>',
            _image(picture, "What the supposition changes"),
            f"<h2>What it changes</h2>{_paragraphs([HOW_TO_READ])}{_parts(rows_of_difference(answer.difference))}",
        ],
    )


def render_decision(answer: DecisionExplanation, picture: str) -> str:
    """The page of a decision."""
    features = [
        (feature.name, f"{feature.mean_absolute:.3f}", show_log_odds(feature.mean)) for feature in answer.features
    ]
    blocks = [
        _paragraphs([answer.sentence, *answer.sentences]),
        _image(picture, "Which features moved"),
        f"<h2>Which features moved</h2>{_table(('feature', 'mean size', 'mean'), features)}",
    ]
    for name, parts in (("Cells", answer.cells), ("Days", answer.days), ("Regions", answer.regions)):
        blocks.append(f"<h2>{name} in which they disagree most</h2>{_disagreements(parts)}")
    return _page(f"Decision of {answer.partition_key}: where candidate and champion disagree", blocks)


def _page(title: str, blocks: Sequence[str]) -> str:
    body = "\n".join(block for block in blocks if block)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _image(address: str, alternative: str) -> str:
    return f'<p><img src="{escape(address)}" alt="{escape(alternative)}"></p>'


def _parts(rows: Sequence[tuple[str, str, str]]) -> str:
    """The last row is all of it."""
    return _table(PARTS, rows, [*[""] * (len(rows) - 1), "whole"])


def _days(days: Sequence[LoggedDay]) -> str:
    rows = [(str(day.date), show_chance(day.probability), day.risk_class, str(day.n_fires)) for day in days]
    return _table(("day", "chance", "class", "fires"), rows)


def _disagreements(parts: Sequence[Disagreement]) -> str:
    columns = ("where", "cell-days", "fires", "champion", "candidate", "mean size", "mean")
    rows = [
        (
            part.name,
            str(part.n_rows),
            str(part.n_fires),
            show_chance(part.champion),
            show_chance(part.candidate),
            f"{part.mean_absolute:.2f}",
            show_log_odds(part.mean),
        )
        for part in parts
    ]
    return _table(columns, rows)


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="small">{rows}</table>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str] | None = None) -> str:
    """Text in the first column, figures behind it."""
    head = "".join(_cell("th", name, place) for place, name in enumerate(columns))
    lines = []
    for row, kind in zip(rows, kinds or [""] * len(rows), strict=True):
        mark = f' class="{kind}"' if kind else ""
        lines.append(f"<tr{mark}>{''.join(_cell('td', text, place) for place, text in enumerate(row))}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _cell(tag: str, text: str, place: int) -> str:
    mark = ' class="number"' if place else ""
    return f"<{tag}{mark}>{escape(text)}</{tag}>"
