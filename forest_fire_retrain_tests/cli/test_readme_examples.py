"""The README's examples run as they stand, in the order in which a reader meets them."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.cli.app import app
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain_tests.cli.conftest import Run
from forest_fire_retrain_tests.example_reigns import EASY

README = Path(__file__).resolve().parents[2] / "README.md"
CODE = re.compile(r"```\w*\n(?P<block>.*?)```|`(?P<span>[^`]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|(?<=[\s/]))forest-fire(?P<words>(?: [^\s|;&]+)*)")
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
SERVES_UNTIL_STOPPED = "up"
CHOSEN = {"PERIOD": "2026-03-02", "DAY": "2026-03-14"}
"""What a reader puts in the place of words that stand for a period or a day of the reader's own home."""
CHOSEN_WORD = re.compile(rf"\b(?:{'|'.join(CHOSEN)})(?=\b|T)")
EXPECTED = [
    "status",
    "backfill --from 2026-01-05 --to 2026-03-30",
    "retrain",
    "predict --date 2026-03-14 --retro",
    "champion",
    "champion --at 2026-03-14",
    "history",
    "history --retrainings",
    "retrain --partition 2026-03-02",
    'rollback --reason "…"',
    "verify",
    "history",
    "history --retrainings",
    'rollback --reason "trying it"',
    "champion",
]
"""What is among the examples, in this order, so that finding none does not pass for success."""


@pytest.fixture
def park_with_reigns(small_park: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose champions follow each other, in a park that burns in winter too; its history ends one summer."""
    monkeypatch.setenv("FOREST_FIRE_END_DATE", "2026-08-03")  # so that later years do not make the test longer
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__FIRE_RATE", "0.1")
    monkeypatch.setenv("FOREST_FIRE_SIMULATOR__SEED", "10")
    for name, value in EASY.model_dump(exclude_unset=True).items():
        monkeypatch.setenv(f"FOREST_FIRE_ADJUDICATION__{name.upper()}", str(value))
    return small_park


def collect_examples(text: str) -> list[str]:
    """What stands behind `forest-fire` in code, with chosen days, without `up`, mere names, and other placeholders."""
    lines: list[str] = []
    for code in CODE.finditer(text):
        lines += [" ".join(code["span"].split())] if code["span"] else code["block"].splitlines()
    lines = [CHOSEN_WORD.sub(lambda word: CHOSEN[word.group()], line) for line in lines]
    found = [match["words"].strip() for line in lines for match in COMMAND.finditer(line)]
    return [words for words in found if words and is_whole(words)]


def in_order_of_trying(text: str) -> list[str]:
    """All examples; those about what `up` has left behind come last, because the others begin on an empty home."""
    before, walk, after = re.split(r"^## (?=What happened|Six things)", text, flags=re.MULTILINE)
    return [*collect_examples(before), *collect_examples(after), *collect_examples(walk)]


def is_whole(words: str) -> bool:
    """Whether a person could type it as it stands, and get an answer at once."""
    name, *options = shlex.split(words)
    if name == SERVES_UNTIL_STOPPED or PLACEHOLDER.search(words):
        return False
    command = get_command(app).commands.get(name)  # type: ignore[attr-defined] # a group has commands
    return bool(options) or command is None or not any(parameter.required for parameter in command.params)


def test_examples_are_told_from_names_placeholders_and_what_serves() -> None:
    text = "`forest-fire freeze`, `forest-fire rollback --to VERSION`, `history`, `forest-fire\nhistory --json`, and"
    text += " `forest-fire champion --at DAYT06:30`, `forest-fire evidence PARTITION`"
    assert collect_examples(f"{text}\n```sh\ncd x && .venv/bin/forest-fire up\nforest-fire skill && ls\n```\n") == [
        "history --json",
        "champion --at 2026-03-14T06:30",
        "skill",
    ]


def test_the_examples_that_readers_are_promised_are_found() -> None:
    found = iter(in_order_of_trying(README.read_text(encoding="utf-8")))
    assert [words for words in EXPECTED if words in found] == EXPECTED


@pytest.mark.slow
def test_every_example_runs_as_it_stands_and_does_what_the_text_says(park_with_reigns: Path, forest_fire: Run) -> None:
    answers = {}
    for example in in_order_of_trying(README.read_text(encoding="utf-8")):
        answer = forest_fire(*shlex.split(example))
        answers.setdefault(example, answer)
        assert answer.code == 0, (example, answer)
        assert "Traceback" not in answer.out + answer.err, (example, answer)

    rows = read_export(park_with_reigns / "export")
    decided = [row.partition_key for row in rows if row.kind is EntryKind.DECISION]
    assert len(decided) == 14, "thirteen weeks by the range, and the newest one"
    assert (decided[0], decided[-2]) == ("2026-01-05", "2026-03-30")
    assert [row.partition_key for row in rows if row.kind is EntryKind.REPLAY] == ["2026-03-02"]
    assert "The champion stays" in answers["retrain --partition 2026-03-02"].out
    assert "2026-03-14, retro, version" in answers["predict --date 2026-03-14 --retro"].out
    assert "trained on" in answers["champion"].out
    assert "By partition time" in answers["champion --at 2026-03-14"].out, "the home was filled only now"
    listed = json.loads(forest_fire("history", "--retrainings", "--json").out)
    assert len([row for row in listed if row["what_happened"] != "rolled back"]) == 14
    rolled_back = listed[-1]
    assert (rolled_back["what_happened"], rolled_back["updated"], rolled_back["partition"]) == (
        "rolled back",
        True,
        None,
    )
    assert [row.kind for row in rows[-2:]] == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert "is quarantined" in answers['rollback --reason "…"'].out
