"""What a replay is said to have shown, by new rows and by those of earlier releases."""

from forest_fire_retrain.core.ledger.decision_payload import Difference
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.replays import (
    NO_ORIGINAL,
    describe_replay,
    describe_replay_of_old,
    say_summaries,
)
from forest_fire_retrain_tests.example_evidence import MODEL, draft, example_case, example_payload, steady_gains
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

PAYLOAD = example_payload(example_case(steady_gains(0.5)), week=7)
KEY = PAYLOAD.holdout.windows.partition_key
KNOWN = PAYLOAD.holdout.snapshot.knowledge
OLD = describe_replay_of_old(PAYLOAD)
OTHERS = tuple(Difference(what=f"thing {n}", original="1", replay="2") for n in range(6))


def rows_of(*rows: tuple[str, str, str]) -> list[LedgerEntry]:
    ledger = FakeLedger()
    return [
        ledger.append(draft(kind=kind, model_name=model, partition_key=KEY, summary=said)) for kind, model, said in rows
    ]


def test_a_replay_of_what_was_never_decided_says_so_and_one_that_agrees_says_that() -> None:
    alone = describe_replay(PAYLOAD.model_copy(update={"differences": None}))
    assert alone == f"Replay: {KEY}: never decided live; nothing to compare with. The champion stays."
    assert (
        describe_replay(PAYLOAD)
        == f"Replay: {KEY} ({KNOWN}): nothing differs from the live decision. The champion stays."
    )


def test_a_replay_that_differs_names_the_first_few_things() -> None:
    said = describe_replay(PAYLOAD.model_copy(update={"differences": OTHERS}))
    assert "thing 0 1 → 2, thing 1 1 → 2, thing 2 1 → 2, thing 3 1 → 2. The champion stays." in said


def test_an_old_row_is_put_right_where_no_live_decision_stands_before_it() -> None:
    rows = rows_of(
        ("replay", MODEL, OLD), ("decision", "another", "Kept."), ("replay", MODEL, OLD), ("decision", MODEL, "Kept.")
    )
    right = OLD.replace("nothing differs", NO_ORIGINAL)
    assert say_summaries(rows) == [right, "Kept.", right, "Kept."]
    assert "nothing differs" not in right


def test_an_old_row_with_a_live_decision_before_it_is_shown_as_it_was_written() -> None:
    rows = rows_of(("decision", MODEL, "Kept."), ("replay", MODEL, OLD))
    assert say_summaries(rows) == ["Kept.", OLD]
    assert f"REPLAY ({KNOWN}) of {KEY}: nothing differs. The champion stays." == OLD
