"""Who was in production: one answer, by the wall clock, from the copy alone; and the list of reigns."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.ledger_export import LEDGER_FILE, export_ledger
from forest_fire_retrain.adapters.reigns_file import REIGNS_FILE
from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry
from forest_fire_retrain_tests.cli.conftest import Answer, Run
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    draft,
    rollback_draft,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

PROMOTED_1, PROMOTED_2, ROLLED_BACK = (
    "2025-10-06T06:00:10Z",
    "2025-10-20T06:00:10Z",
    "2025-10-26T15:00:10Z",
)
STORY: tuple[tuple[str, EntryDraft], ...] = (
    ("2025-10-06T06:00:00Z", decision_draft(0)),
    (PROMOTED_1, confirmation_draft("decision-0", 1)),
    ("2025-10-13T06:00:00Z", decision_draft(1, Outcome.KEPT, before=1)),
    ("2025-10-20T06:00:00Z", decision_draft(2, before=1)),
    (PROMOTED_2, confirmation_draft("decision-2", 2)),
    ("2025-10-26T15:00:00Z", rollback_draft(1, 2, reason="missed two fires")),
    (ROLLED_BACK, confirmation_draft("rollback-1", 1)),
)
"""Version 1, two weeks later version 2, and version 1 again on the afternoon of the 26th."""


def written(story: Sequence[tuple[str, EntryDraft]]) -> list[LedgerEntry]:
    ledger = FakeLedger()
    for recorded_at, row in story:
        as_of = row.as_of
        if row.kind is EntryKind.ROLLBACK:  # as `roll_back` writes it: the cut-off of the newest decision
            as_of = candidate_of_week(2).windows.as_of
        ledger.append(row.model_copy(update={"recorded_at": dt.datetime.fromisoformat(recorded_at), "as_of": as_of}))
    return ledger.rows


@pytest.fixture
def told(home: Path) -> Path:
    """A home in which nothing is but the ledger's copy."""
    export_ledger(written(STORY), home / "export")
    return home


def ask(forest_fire: Run, *words: str) -> dict[str, object]:
    answer = forest_fire("champion", *words, "--json")
    assert answer.code == 0, answer.err
    read: dict[str, object] = json.loads(answer.out)
    return read


def version(answer: dict[str, object]) -> object:
    champion = answer["champion"]
    return champion["version"] if isinstance(champion, dict) else champion


def facts(answer: dict[str, object]) -> dict[str, object]:
    assert isinstance(answer["champion"], dict)
    return answer["champion"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-10-05", None),
        ("2025-10-06T06:00:09Z", None),
        (PROMOTED_1, 1),
        ("2025-10-19", 1),
        ("2025-10-20", 2),
        ("2025-10-25", 2),
        ("2025-10-26T15:00:09Z", 2),
        ("2025-10-26T17:00:10+02:00", 1),
        ("2025-10-26", 1),
    ],
)
def test_there_is_one_answer_and_a_rollback_changes_none_before_it(
    told: Path, forest_fire: Run, at: str, expected: int | None
) -> None:
    assert version(ask(forest_fire, "--at", at)) == expected
    assert told.exists()


@pytest.mark.parametrize("words", [("champion",), ("history",), ("reproduce", "1")])
def test_a_copy_that_was_removed_is_told_and_not_taken_for_an_empty_ledger(
    told: Path, forest_fire: Run, words: tuple[str, ...]
) -> None:
    (told / "ledger.duckdb").write_bytes(b"not opened by whoever only asks")
    (told / "export" / LEDGER_FILE).unlink()
    answer = forest_fire(*words)
    assert answer.code == 2
    assert "has no copy for readers" in answer.err
    assert "forest-fire ledger export" in answer.err


@pytest.mark.parametrize("words", [("champion",), ("history",)])
def test_a_copy_that_is_no_file_is_a_sentence(told: Path, forest_fire: Run, words: tuple[str, ...]) -> None:
    (told / "export" / LEDGER_FILE).unlink()
    (told / "export" / LEDGER_FILE).mkdir()
    answer = forest_fire(*words)
    assert answer.code == 2
    assert "cannot be read" in answer.err


@pytest.mark.usefixtures("told")
def test_now_is_the_default_and_the_reign_says_how_it_began(forest_fire: Run) -> None:
    held = facts(ask(forest_fire))
    assert (held["version"], held["since"], held["until"]) == (1, "2025-10-26T15:00:10+00:00", None)
    assert (held["began_by"], held["ended_by"], held["decision_id"]) == ("rollback", None, "rollback-1")
    assert held["ledger_rows"] == [1, 6, 7]
    assert held["trained_on"] == candidate_of_week(0).windows.training.first_to_last, "that of the promotion"
    assert held["artifact_sha256"] == candidate_of_week(0).stored.artifact_sha256
    assert held["table_versions"] == candidate_of_week(0).snapshot.table_versions


@pytest.mark.usefixtures("told")
def test_a_day_is_answered_at_its_end_and_names_the_other_reigns_of_the_day(forest_fire: Run) -> None:
    answer = ask(forest_fire, "--at", "2025-10-26")
    assert answer["read_as"] == "the end of 2025-10-26 in UTC, just before 2025-10-27T00:00:00+00:00"
    assert answer["earlier_that_day"] == [
        {
            "version": 2,
            "since": "2025-10-20T06:00:10+00:00",
            "until": "2025-10-26T15:00:10+00:00",
            "began_by": "promotion",
        }
    ]
    assert ask(forest_fire, "--at", "2025-10-25")["earlier_that_day"] == []
    shown = forest_fire("champion", "--at", "2025-10-26").out
    assert "Earlier that day: version 2, until 2025-10-26T15:00:10+00:00." in shown


@pytest.mark.usefixtures("told")
def test_what_was_believed_knows_neither_the_end_nor_later_rows(forest_fire: Run) -> None:
    now = facts(ask(forest_fire, "--at", "2025-10-22"))
    assert (now["until"], now["ended_by"]) == (
        "2025-10-26T15:00:10+00:00",
        "rollback to version 1: missed two fires",
    )
    then = facts(ask(forest_fire, "--at", "2025-10-22", "--as-known-at", "2025-10-22T12:00"))
    assert (then["version"], then["until"], then["ended_by"]) == (2, None, None)
    believed = ask(forest_fire, "--as-known-at", "2025-10-10")
    assert version(believed) == 1
    assert believed["answered_for"] == "2025-10-10T23:59:59+00:00"
    assert version(ask(forest_fire, "--at", "2025-10-26", "--as-known-at", "2025-10-24")) == 2


def test_a_confirmation_that_came_late_and_a_moved_alias_are_told_beside_the_answer(
    home: Path, forest_fire: Run
) -> None:
    moved = draft(EntryKind.EXTERNAL, payload={"observed": 1, "expected": 2})
    story = [*STORY[:4], ("2025-10-23T06:00:00Z", STORY[4][1]), ("2025-10-25T06:00:00Z", moved)]
    export_ledger(written(story), home / "export")
    between = ask(forest_fire, "--at", "2025-10-21")
    assert version(between) == 1
    assert "version 1 was in production" in str(between["believed_then"])
    (note,) = between["noted_later"]  # type: ignore[misc] # a list
    assert (note["row"], note["recorded_at"]) == (5, "2025-10-23T06:00:00+00:00")
    assert ask(forest_fire, "--at", "2025-10-21", "--as-known-at", "2025-10-22")["noted_later"] == []
    unaware, aware = ask(forest_fire, "--at", "2025-10-24"), ask(forest_fire, "--at", "2025-10-25")
    assert (version(unaware), version(aware)) == (2, 2)
    assert "found at version 1" in unaware["noted_later"][0]["sentence"]  # type: ignore[index] # a list
    assert (unaware["known_then"], aware["known_then"]) == (None, "The alias was known to point at version 1.")
    assert "known to point at version 1" in forest_fire("champion").out
    assert "Row 6, recorded later: The alias was found" in forest_fire("champion", "--at", "2025-10-24").out


def test_a_history_that_was_decided_afterwards_had_nothing_in_production(home: Path, forest_fire: Run) -> None:
    export_ledger(written(STORY), home / "export")
    day = str(candidate_of_week(1).windows.as_of)
    answer = ask(forest_fire, "--at", day)
    assert answer["champion"] is None
    assert answer["first_reign_since"] == "2025-10-06T06:00:10+00:00"
    assert answer["by_partition_time"]["version"] == 1  # type: ignore[index] # a dict
    shown = forest_fire("champion", "--at", day).out
    assert "no version" in shown.splitlines()[0]
    assert "The first reign began at 2025-10-06T06:00:10+00:00." in shown
    assert "By partition time: version 1 was not in production; it is what a prediction" in shown


@pytest.mark.usefixtures("told")
def test_an_instant_without_a_zone_is_the_parks(forest_fire: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREST_FIRE_TIME_ZONE", "America/Los_Angeles")
    at = ask(forest_fire, "--at", "2025-10-26T08:00:09")
    assert (version(at), at["answered_for"]) == (2, "2025-10-26T15:00:09+00:00")
    assert at["read_as"] == "read in the park's zone, America/Los_Angeles"
    assert version(ask(forest_fire, "--at", "2025-10-26T08:00:10")) == 1
    day = ask(forest_fire, "--at", "2025-10-25")
    assert (version(day), day["answered_for"]) == (2, "2025-10-26T06:59:59+00:00")


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--at", "yesterday"), "'yesterday' is neither a day nor an instant. Write 2026-07-14, or"),
        (("--at", "2025-10-32"), "neither a day nor an instant"),
        (("--at", "2190-01-01"), "2190-01-01 lies in the future"),
        (("--at", "9999-12-31"), "too near an end of the calendar"),
        (("--as-known-at", "2190-01-01T00:00Z"), "lies in the future"),
        (("--model", "forest_fire_rsk"), "knows no model 'forest_fire_rsk'; nearest: forest_fire_risk"),
        (("--on", "2025-10-26"), "No such option"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_message(forest_fire: Run, words: Sequence[str], why: str) -> None:
    answer = forest_fire("champion", *words)
    assert answer.code == 2
    assert why in " ".join(answer.err.split())
    assert "Traceback" not in answer.err


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("text", ["2025-11-02T01:30", "2025-03-09T02:30"])
def test_an_instant_that_the_parks_clocks_showed_twice_or_never_needs_its_offset(
    forest_fire: Run, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("FOREST_FIRE_TIME_ZONE", "America/Los_Angeles")
    answer = forest_fire("champion", "--at", text)
    assert answer.code == 2
    assert "came twice or not at all" in answer.err
    assert forest_fire("champion", "--at", f"{text}-08:00").code == 0


def test_other_models_have_their_own_champions(home: Path, forest_fire: Run) -> None:
    other = [(at, row.model_copy(update={"model_name": "north"})) for at, row in STORY[3:5]]
    export_ledger(written([*STORY[:2], *other]), home / "export")
    assert version(ask(forest_fire, "--at", "2025-10-25")) == 1
    assert version(ask(forest_fire, "--at", "2025-10-25", "--model", "north")) == 2
    reigns = json.loads(forest_fire("history", "--json").out)
    assert [(row["model_name"], row["version"]) for row in reigns] == [(MODEL, 1), ("north", 2)]
    assert [row["version"] for row in json.loads(forest_fire("history", "--model", "north", "--json").out)] == [2]
    refused = forest_fire("history", "--model", "nort")
    assert (refused.code, "nearest: north" in refused.err) == (2, True)


def spoil_nothing(_export: Path) -> None:
    """As exported."""


def remove(export: Path) -> None:
    (export / REIGNS_FILE).unlink()


def damage(export: Path) -> None:
    (export / REIGNS_FILE).write_bytes(b"no parquet" * 100)


def leave_behind(export: Path) -> None:
    """A cut between the files of an export: the rows are new, the reigns are not."""
    rows = (export / LEDGER_FILE).read_bytes()
    export_ledger(written(STORY[:5]), export)
    (export / LEDGER_FILE).write_bytes(rows)


@pytest.mark.parametrize("spoil", [spoil_nothing, remove, damage, leave_behind])
@pytest.mark.parametrize("at", ["2025-10-01", "2025-10-22", "2025-10-26", "2025-10-28"])
def test_the_answer_is_the_same_without_the_reigns(told: Path, forest_fire: Run, spoil: object, at: str) -> None:
    whole = {words: forest_fire(*words, "--json").out for words in (("champion", "--at", at), ("history",))}
    spoil(told / "export")  # type: ignore[operator] # one of the functions above
    assert {words: forest_fire(*words, "--json").out for words in whole} == whole


@pytest.mark.usefixtures("told")
def test_history_lists_reigns_with_why_each_ended(forest_fire: Run) -> None:
    rows = json.loads(forest_fire("history", "--json").out)
    assert [(row["version"], row["since"][:10], (row["until"] or "")[:10]) for row in rows] == [
        (1, "2025-10-06", "2025-10-20"),
        (2, "2025-10-20", "2025-10-26"),
        (1, "2025-10-26", ""),
    ]
    assert [row["why_ended"] for row in rows] == ["SUPERIOR", "missed two fires", None]
    shown = forest_fire("history").out
    assert "promotion of version 2 (SUPERIOR)" in shown
    assert "rollback to version 1: missed two fires" in shown


@pytest.mark.usefixtures("told")
def test_history_lists_retrainings_and_rows_when_asked(forest_fire: Run) -> None:
    retrainings = json.loads(forest_fire("history", "--retrainings", "--json").out)
    assert [row["updated"] for row in retrainings] == [True, False, True, True]
    assert len(json.loads(forest_fire("history", "--events", "--json").out)) == len(STORY)
    both: Answer = forest_fire("history", "--events", "--retrainings")
    assert both.code == 2
    refused = forest_fire("history", "--retrainings", "--model", "nort")
    assert (refused.code, "knows no model" in refused.err) == (2, True)


def test_nothing_promoted_yet_is_no_empty_ledger(home: Path, forest_fire: Run) -> None:
    export_ledger(written(STORY[2:3]), home / "export")
    assert "No version was ever in production" in forest_fire("history").out
    answer = forest_fire("champion")
    assert (answer.code, "no version" in answer.out) == (0, True)


def test_an_empty_ledger_has_no_champion_and_the_home_is_left_as_it_is(home: Path, forest_fire: Run) -> None:
    (home / "records").mkdir(parents=True)
    assert ask(forest_fire)["champion"] is None
    assert "forest-fire up" in forest_fire("champion").out
    assert [path.name for path in home.rglob("*")] == ["records"]
