"""Who was in production when: one answer for an instant, and what was believed then."""

import datetime as dt
import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given

from forest_fire_retrain.core.decision.verdicts import Outcome
from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.reigns import (
    Movement,
    Reign,
    find_doubt,
    find_later_notes,
    reign_at,
    reign_for,
    reigns_of,
)
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain_tests.example_evidence import (
    NOON,
    candidate_of_week,
    confirmation_draft,
    decision_draft,
    draft,
    rollback_draft,
)
from forest_fire_retrain_tests.example_ledgers import HOUR, MODELS, instants_around, ledgers, seal_all
from forest_fire_retrain_tests.property_examples import examples

DAY = dt.timedelta(days=1)
BACK = (
    decision_draft(0),
    confirmation_draft("decision-0", 1),
    decision_draft(1, before=1),
    confirmation_draft("decision-1", 2),
    rollback_draft(1, 2, reason="missed two fires"),
    confirmation_draft("rollback-1", 1),
)
"""Version 1, version 2, and version 1 again."""


def write(*drafts: EntryDraft, hours: Sequence[int] = ()) -> list[LedgerEntry]:
    """The rows, at these hours after noon, or an hour after one another."""
    dated = zip(drafts, hours or range(len(drafts)), strict=True)
    return seal_all([row.model_copy(update={"recorded_at": NOON + after * HOUR}) for row, after in dated])


def version_at(reigns: Sequence[Reign], hours: float, known: float | None = None) -> int | None:
    held = reign_at(reigns, NOON + hours * HOUR, None if known is None else NOON + known * HOUR)
    return None if held is None else held.version


def plain_replay(rows: Sequence[LedgerEntry], model: str, instant: dt.datetime) -> int | None:
    """The champion after all rows of a model that were recorded by then, one after the other."""
    champion, wanted = None, None
    for row in rows:
        if row.model_name != model or row.recorded_at > instant:
            continue
        if row.kind is EntryKind.ROLLBACK or (row.kind is EntryKind.DECISION and row.outcome is Outcome.PROMOTED):
            wanted = row.decision_id
        elif row.decision_id == wanted and row.kind in (EntryKind.CONFIRMATION, EntryKind.ABANDONMENT):
            champion = row.champion_after if row.kind is EntryKind.CONFIRMATION else champion
            wanted = None
    return champion


def of_model(rows: Sequence[LedgerEntry], model: str) -> list[LedgerEntry]:
    return [row for row in rows if row.model_name == model]


# ---- properties ----


@given(ledgers())
@examples(200)
def test_the_champion_at_any_instant_is_that_of_a_plain_replay_of_all_rows_up_to_it(rows: list[LedgerEntry]) -> None:
    reigns = reigns_of(rows)
    for model in MODELS:
        own = [reign for reign in reigns if reign.model_name == model]
        state = fold(of_model(rows, model))
        for instant in instants_around(rows):
            expected = plain_replay(rows, model, instant)
            held, again = reign_at(own, instant), state.champion_on(instant)
            assert (held and held.version) == expected
            assert (again and again.version) == expected
            assert sum(reign.holds_at(instant) for reign in own) <= 1


@given(ledgers())
@examples(150)
def test_what_was_believed_uses_no_row_that_was_recorded_later(rows: list[LedgerEntry]) -> None:
    everything = reigns_of(rows)
    instants = instants_around(rows)
    for known_at in instants:
        known = reigns_of([row for row in rows if row.recorded_at <= known_at])
        for model in MODELS:
            full, then = ([r for r in reigns if r.model_name == model] for reigns in (everything, known))
            for instant in instants:
                held = reign_at(full, instant, known_at)
                assert held == reign_at(then, instant, known_at)
                notes = find_later_notes(full, held, instant, known_at)
                assert notes == find_later_notes(then, held, instant, known_at)
                assert all(instant < note.recorded_at <= known_at for note in notes)


@given(ledgers())
@examples(60)
def test_models_of_one_ledger_do_not_mix(rows: list[LedgerEntry]) -> None:
    together = reigns_of(rows)
    apart = [reign for model in sorted(MODELS) for reign in reigns_of(of_model(rows, model))]
    assert together == apart
    assert together == sorted(together, key=lambda r: (r.model_name, r.since, r.confirmation_row))


@given(ledgers())
@examples(60)
def test_a_reign_names_its_own_rows_and_those_of_its_version(rows: list[LedgerEntry]) -> None:
    for reign in reigns_of(rows):
        intent, confirmation = rows[reign.intent_row - 1], rows[reign.confirmation_row - 1]
        assert intent.decision_id == confirmation.decision_id == reign.decision_id
        assert confirmation.champion_after == reign.version
        assert (intent.recorded_at, confirmation.recorded_at) == (reign.decided_at, reign.confirmed_at)
        assert (intent.kind is EntryKind.ROLLBACK) == (reign.began_by is Movement.ROLLBACK)
        assert reign.origin_row is not None
        origin = rows[reign.origin_row - 1]
        assert origin.kind is EntryKind.DECISION
        named = [row.champion_after for row in rows if row.decision_id == origin.decision_id]
        assert reign.version in named


def test_the_random_ledgers_hold_what_the_properties_are_about() -> None:
    seen: set[str] = set()

    @given(ledgers())
    @examples(400)
    def look(rows: list[LedgerEntry]) -> None:
        seen.update(str(row.kind) for row in rows)
        reigns = reigns_of(rows)
        seen.update(str(reign.began_by) for reign in reigns)
        seen.update("never held" for reign in reigns if reign.until is not None and reign.until <= reign.since)
        seen.update("seen elsewhere" for r in reigns for s in r.sightings if s.version != r.version)
        seen.update("clock moved back" for a, b in pairwise(rows) if b.recorded_at < a.recorded_at)
        seen.update("several models" for _ in range(len({row.model_name for row in rows}) - 1))

    look()
    assert seen >= {
        *("decision", "confirmation", "abandonment", "rollback", "external", "promotion"),
        *("never held", "seen elsewhere", "clock moved back", "several models"),
    }


# ---- by hand ----


def test_a_rollback_is_answered_for_its_own_instant_and_for_none_before() -> None:
    reigns = reigns_of(write(*BACK))
    asked = [0.5, 1, 2.9, 3, 4.9, 5, 900]
    assert [version_at(reigns, hours) for hours in asked] == [None, 1, 1, 2, 2, 1, 1]


def test_a_reign_says_how_it_began_and_why_it_ended() -> None:
    first, second, third = reigns_of(write(*BACK))
    assert (first.began_by, first.why, first.until) == (Movement.PROMOTION, "SUPERIOR", NOON + 3 * HOUR)
    assert (first.ended_by, first.next_version, first.why_ended) == (Movement.PROMOTION, 2, "SUPERIOR")
    assert (second.ended_by, second.next_version, second.why_ended) == (Movement.ROLLBACK, 1, "missed two fires")
    assert (third.began_by, third.why, third.until, third.ended_by) == (
        Movement.ROLLBACK,
        "missed two fires",
        None,
        None,
    )
    assert [r.origin_row for r in (first, second, third)] == [1, 3, 1]


def test_what_is_known_at_an_instant_does_not_know_how_the_reign_ended() -> None:
    reigns = reigns_of(write(*BACK))
    then = reign_at(reigns, NOON + 4 * HOUR, NOON + 4 * HOUR)
    assert then is not None
    assert (then.version, then.until, then.ended_by, then.next_version, then.why_ended) == (2, None, None, None, None)
    assert version_at(reigns, 900, known=4) == 2, "what came later was not known"
    assert version_at(reigns, 900, known=0.5) is None


def test_a_confirmation_that_came_days_after_its_decision_is_told_of_the_days_between() -> None:
    rows = write(*BACK[:4], hours=[0, 1, 2, 50])
    reigns = reigns_of(rows)
    instant = NOON + 20 * HOUR
    held = reign_at(reigns, instant)
    assert held is not None
    assert held.version == 1
    (note,) = find_later_notes(reigns, held, instant)
    assert (note.row, note.recorded_at) == (4, NOON + 50 * HOUR)
    assert (
        "promotion of version 2 was decided at 2024-06-03T14:00:00+00:00 and confirmed at 2024-06-05" in note.sentence
    )
    assert find_later_notes(reigns, held, instant, NOON + 49 * HOUR) == []
    assert find_later_notes(reigns, held, NOON + 1.5 * HOUR) == []


def external(observed: int | None, expected: int) -> EntryDraft:
    return draft(EntryKind.EXTERNAL, payload={"observed": observed, "expected": expected})


def test_an_alias_moved_by_hand_changes_no_answer_and_is_told() -> None:
    rows = write(*BACK[:4], external(1, 2), external(2, 2), hours=[0, 1, 2, 3, 10, 20])
    reigns = reigns_of(rows)
    unaware, aware, over = (NOON + hours * HOUR for hours in (5, 15, 25))
    for instant in (unaware, aware, over):
        held = reign_at(reigns, instant)
        assert held is not None
        assert held.version == 2
    held = reigns[-1]
    assert find_doubt(held, unaware) is None
    (note,) = find_later_notes(reigns, held, unaware)
    assert "found at version 1 at 2024-06-03T22:00:00+00:00: somebody moved it from version 2 after" in note.sentence
    doubt = find_doubt(held, aware)
    assert doubt is not None
    assert doubt.sentence == "The alias was known to point at version 1."
    (back,) = find_later_notes(reigns, held, aware)
    assert "found at version 2" in back.sentence
    assert (find_doubt(held, over), find_later_notes(reigns, held, over)) == (None, [])
    assert find_later_notes(reigns, held, unaware, known_at=NOON + 9 * HOUR) == []


def test_an_alias_that_was_put_back_by_a_repair_is_doubted_no_longer() -> None:
    rows = write(*BACK[:4], external(1, 2), draft(EntryKind.REPAIR), hours=[0, 1, 2, 3, 10, 20])
    (held,) = reigns_of(rows)[-1:]
    aware, over = (NOON + hours * HOUR for hours in (15, 25))
    assert find_doubt(held, aware) is not None
    assert find_doubt(held, over) is None
    assert find_later_notes([held], held, aware) == [], "a repair says nothing of the time before it"
    assert find_doubt(held.as_known_at(aware), over) is not None


def test_a_reign_that_a_clock_moved_back_ended_before_it_began_held_at_no_instant() -> None:
    reigns = reigns_of(write(*BACK[:4], hours=[9, 10, 4, 5]))
    assert [reign.version for reign in reigns] == [2, 1], "by time"
    assert [version_at(reigns, hours) for hours in (4.9, 5, 9.9, 10, 99)] == [None, 2, 2, 2, 2]
    never = reigns[1]
    assert never.until is not None
    assert never.until < never.since


def test_a_confirmation_whose_clock_is_before_its_decision_counts_once_both_are_recorded() -> None:
    (reign,) = reigns_of(write(*BACK[:2], hours=[5, 3]))
    assert (reign.since, reign.decided_at, reign.confirmed_at) == (
        NOON + 5 * HOUR,
        NOON + 5 * HOUR,
        NOON + 3 * HOUR,
    )
    assert version_at([reign], 4) is None


def test_what_a_version_was_trained_for_is_not_known_before_its_own_reign_is() -> None:
    rows = write(*BACK, hours=[50, 51, 2, 3, 4, 5])
    then, known = (reign_at(reigns_of(part), NOON + 10 * HOUR, NOON + 10 * HOUR) for part in (rows[2:], rows))
    assert known is not None
    assert (known.version, known.origin_row, known.origin_since) == (1, None, None)
    assert then is not None
    assert then.version == known.version
    later = reign_at(reigns_of(rows), NOON + 10 * HOUR)
    assert later is not None
    assert (later.origin_row, later.origin_since) == (1, NOON + 51 * HOUR)


def test_the_reign_for_a_day_is_by_partition_time_and_says_nothing_of_production() -> None:
    reigns = reigns_of(write(*BACK[:4]))
    days = [candidate_of_week(week).windows.as_of for week in (0, 1)]
    asked = [days[0] - DAY, days[0], days[1] - DAY, days[1]]
    assert [(r := reign_for(reigns, day)) and r.version for day in asked] == [None, 1, 1, 2]


def test_rows_of_nothing_have_no_reigns() -> None:
    assert reigns_of([]) == []
    assert reign_at([], NOON) is None
    assert json.dumps(find_later_notes([], None, NOON)) == "[]"
