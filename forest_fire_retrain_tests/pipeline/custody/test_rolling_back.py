"""A rollback proves its version first, is carried out through the ledger, and sticks."""

import datetime as dt
import re
from contextlib import suppress

import pytest

from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.errors import RefusedRequestError, RegistryError
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.promotion import Standing
from forest_fire_retrain.core.ledger.row_words import say_freeze
from forest_fire_retrain.core.ledger.state import fold
from forest_fire_retrain.core.oversight.decision_alerts import find_doubts
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.custody.rolling_back import Rollback, describe_repeated, previous_version, roll_back
from forest_fire_retrain.pipeline.custody.standing_orders import clear_labels, freeze, unfreeze, window_of_days
from forest_fire_retrain_tests.example_reigns import (
    AS_OF,
    NEXT_WEEK,
    WEEKS,
    Reigns,
    decide,
    retrain,
    stamp_at,
    three_reigns,
)

MODEL = "forest_fire_risk"


class PowerCut(BaseException):
    """What stops a run without any of its own code running."""


@pytest.fixture
def reigns() -> Reigns:
    return three_reigns()


def undo(
    reigns: Reigns, to_version: int | None = None, reason: str = "it missed two fires", until: dt.date | None = None
) -> Rollback:
    stamp = stamp_at(reigns.installation)
    stores = reigns.installation.stores
    return roll_back(stores, MODEL, to_version=to_version, reason=reason, freeze_until=until, stamp=stamp)


def kinds_after(reigns: Reigns, n_rows: int) -> list[EntryKind]:
    return [row.kind for row in reigns.ledger.rows[n_rows:]]


def status_tags(reigns: Reigns) -> list[str]:
    return [held.tags["status"] for held in reigns.registry.versions(MODEL)]


def test_by_default_the_version_before_the_champion_comes_back_with_reason_and_actor(reigns: Reigns) -> None:
    before = reigns.state
    done = undo(reigns)
    assert (done.from_version, done.to_version, done.frozen_until) == (3, 2, None)
    assert (reigns.registry.champion(MODEL), reigns.state.champion) == (2, 2)
    assert kinds_after(reigns, 6) == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert done.entry.actor == "ada"
    assert done.entry.payload["reason"] == "it missed two fires"
    assert done.entry.summary == "Roll back from version 3 to version 2: it missed two fires."
    assert reigns.state.quarantined == {before.candidates[3].candidate_id}
    assert status_tags(reigns) == ["archived", "production", "quarantined"]


def test_the_ledger_still_knows_what_the_version_rolled_back_to_was_made_of(reigns: Reigns) -> None:
    made = reigns.state.candidates[1]
    undo(reigns, to_version=1)
    assert reigns.state.candidates[1] == made
    assert reigns.state.reigns[-1].version == 1
    later = reigns.state.champion_for(AS_OF)
    assert later is not None
    assert later.version == 1


def test_a_second_rollback_does_not_bring_back_what_was_rolled_back_from(reigns: Reigns) -> None:
    undo(reigns)
    assert previous_version(reigns.state) == 1
    assert undo(reigns, reason="that one too").to_version == 1
    with pytest.raises(RefusedRequestError, match="no version but 1 was ever champion"):
        undo(reigns, reason="and that one")
    assert undo(reigns, to_version=3).to_version == 3


def test_the_next_run_of_the_same_period_does_not_undo_it(reigns: Reigns) -> None:
    undo(reigns)
    n_rows = len(reigns.ledger.rows)
    assert decide(reigns.installation, WEEKS[-1]).standing is Standing.EXISTING
    assert len(reigns.ledger.rows) == n_rows
    assert reigns.registry.champion(MODEL) == 2


def test_evidence_from_before_the_rollback_does_not_speak_against_the_version_that_came_back(reigns: Reigns) -> None:
    undo(reigns)
    (next_one,) = retrain(reigns.installation, [NEXT_WEEK])
    assert next_one.payload.used_partitions == ()
    assert next_one.payload.champion is not None
    assert next_one.payload.champion.version == 2


def test_a_freeze_keeps_the_version_that_came_back_whatever_the_evidence_says(reigns: Reigns) -> None:
    undo(reigns, until=AS_OF + dt.timedelta(days=60))
    (next_one,) = retrain(reigns.installation, [NEXT_WEEK])
    assert (next_one.entry.outcome, next_one.entry.reason_code) == (Outcome.KEPT, ReasonCode.FROZEN)
    unfreeze(reigns.ledger, MODEL, reason="the feed is mended", stamp=stamp_at(reigns.installation))
    (later,) = retrain(reigns.installation, ["2025-08-04"])
    assert later.entry.outcome is Outcome.PROMOTED
    assert reigns.registry.champion(MODEL) == 4


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda r: r.tracker.tamper(r.state.candidates[2].stored), "SHA-256"),
        (lambda r: r.tracker.forget(r.state.candidates[2].stored), "cannot be read"),
        (lambda r: r.registry.delete_version_by_hand(MODEL, 2), "version 2 is not in the registry, which holds: 1, 3"),
        (lambda r: lose_pinned(r, "features", 2), r"table features at version \d cannot be read"),
        (lambda r: exchange_model(r, 2, 1), r"predicts something else .* on \d+ of 42 reference rows"),
    ],
    ids=["tampered artifact", "lost artifact", "deleted version", "lost rows", "another model"],
)
def test_a_version_that_cannot_be_proved_is_refused_before_anything_is_written(
    reigns: Reigns, spoil: object, why: str
) -> None:
    spoil(reigns)  # type: ignore[operator] # one of the functions above
    with pytest.raises(RegistryError, match=rf"version 2 .*nothing was changed: .*{why}"):
        undo(reigns)
    assert len(reigns.ledger.rows) == 6
    assert reigns.registry.champion(MODEL) == 3


def lose_pinned(reigns: Reigns, table: str, version: int) -> None:
    reigns.lake.lose(table, reigns.state.candidates[version].snapshot.table_versions[table])


def exchange_model(reigns: Reigns, version: int, other: int) -> None:
    """Another package version that reads the same bytes and computes something else."""
    stored = {number: reigns.state.candidates[number].stored for number in (version, other)}
    reigns.tracker.models[stored[version].model_uri] = reigns.tracker.models[stored[other].model_uri]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"to_version": 3}, "version 3 is the champion already"),
        ({"reason": "  "}, "a rollback needs a reason"),
        ({"until": AS_OF}, "would keep nothing: periods due up to 2025-07-28 are decided"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(reigns: Reigns, given: dict[str, object], why: str) -> None:
    with pytest.raises(RefusedRequestError, match=why):
        undo(reigns, **given)  # type: ignore[arg-type] # keywords of `undo`
    assert len(reigns.ledger.rows) == 6


def test_a_version_that_was_never_champion_is_refused(reigns: Reigns) -> None:
    held = reigns.state.candidates[1]
    reigns.registry.register(MODEL, held, "by-hand", "what I tried")
    with pytest.raises(RegistryError, match="version 4 was never champion"):
        undo(reigns, to_version=4)


def test_without_a_champion_there_is_nothing_to_roll_back(reigns: Reigns) -> None:
    reigns.ledger.rows.clear()
    reigns.registry.models.clear()
    reigns.registry.aliases.clear()
    with pytest.raises(RefusedRequestError, match="has no champion to roll back from"):
        undo(reigns)


@pytest.mark.parametrize("observed", [2, 1, None], ids=["to the target", "elsewhere", "dropped"])
def test_an_alias_moved_by_hand_is_accepted_through_the_ledger(reigns: Reigns, observed: int | None) -> None:
    reigns.registry.move_alias_by_hand(MODEL, observed)
    done = undo(reigns, to_version=2)
    assert kinds_after(reigns, 6) == [EntryKind.EXTERNAL, EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert done.entry.payload["alias_before"] == observed
    assert (reigns.registry.champion(MODEL), reigns.state.champion, reigns.state.meddling) == (2, 2, None)


def test_a_champion_that_was_deleted_is_replaced_by_the_version_before(reigns: Reigns) -> None:
    reigns.registry.delete_version_by_hand(MODEL, 3)
    assert undo(reigns).to_version == 2
    assert (reigns.registry.champion(MODEL), reigns.state.meddling) == (2, None)


def test_an_alias_moved_again_between_row_and_move_abandons_the_rollback(reigns: Reigns) -> None:
    def meddle(point: str) -> None:
        if point == "after append" and reigns.ledger.rows[-1].kind is EntryKind.ROLLBACK:
            reigns.registry.move_alias_by_hand(MODEL, 1)

    reigns.ledger.interrupt = meddle
    with pytest.raises(RegistryError, match="was not carried out"):
        undo(reigns)
    assert reigns.state.champion == 3
    assert reigns.registry.champion(MODEL) == 1
    assert EntryKind.ABANDONMENT in kinds_after(reigns, 6)
    assert reigns.state.meddling is not None


POINTS = [f"{when} {what}" for what in ("append", "describe", "tag", "point_champion") for when in ("before", "after")]


@pytest.mark.parametrize("n_passed", [0, 1])
@pytest.mark.parametrize("point", POINTS)
def test_a_rollback_cut_anywhere_is_nothing_or_finished_by_the_next_start(
    reigns: Reigns, point: str, n_passed: int
) -> None:
    passed: list[str] = []

    def cut(reached: str) -> None:
        passed.append(reached)
        if passed.count(point) > n_passed:
            raise PowerCut

    reigns.ledger.interrupt = reigns.registry.interrupt = cut
    with suppress(PowerCut):
        undo(reigns)
    reigns.ledger.interrupt = reigns.registry.interrupt = lambda _point: None
    settle(reigns.ledger, reigns.registry, MODEL, stamp_at(reigns.installation))
    asked_for = EntryKind.ROLLBACK in kinds_after(reigns, 6)
    expected = 2 if asked_for else 3
    assert (reigns.registry.champion(MODEL), reigns.state.champion) == (expected, expected)
    assert kinds_after(reigns, 6) == ([EntryKind.ROLLBACK, EntryKind.CONFIRMATION] if asked_for else [])
    assert status_tags(reigns).count("production") == 1


@pytest.mark.parametrize("to_version", [None, 2], ids=["relative", "named"])
@pytest.mark.parametrize("n_passed", [0, 1])
@pytest.mark.parametrize("point", POINTS)
def test_a_rollback_cut_anywhere_and_ordered_again_rolls_back_once(
    reigns: Reigns, point: str, n_passed: int, to_version: int | None
) -> None:
    passed: list[str] = []

    def cut(reached: str) -> None:
        passed.append(reached)
        if passed.count(point) > n_passed:
            raise PowerCut

    reigns.ledger.interrupt = reigns.registry.interrupt = cut
    with suppress(PowerCut):
        undo(reigns, to_version)
    reigns.ledger.interrupt = reigns.registry.interrupt = lambda _point: None
    asked_for = EntryKind.ROLLBACK in kinds_after(reigns, 6)
    done = undo(reigns, to_version)
    assert (done.from_version, done.to_version, done.is_repeated) == (3, 2, asked_for)
    assert (reigns.registry.champion(MODEL), reigns.state.champion) == (2, 2)
    assert kinds_after(reigns, 6) == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION]
    assert reigns.state.quarantined == {reigns.state.candidates[3].candidate_id}


def cut_before_the_alias_moves(reigns: Reigns, order: object) -> None:
    def cut(reached: str) -> None:
        if reached == "before point_champion":
            raise PowerCut

    reigns.registry.interrupt = cut
    with suppress(PowerCut):
        order()  # type: ignore[operator] # one of the functions above
    reigns.registry.interrupt = lambda _point: None


def test_what_another_person_asked_for_and_was_cut_is_finished_and_not_done_again(reigns: Reigns) -> None:
    cut_before_the_alias_moves(reigns, lambda: undo(reigns))
    done = undo(reigns, reason="ada's run is dead", until=AS_OF + dt.timedelta(days=60))
    assert (done.to_version, done.is_repeated, reigns.state.champion) == (2, True, 2)
    assert done.entry.payload["reason"] == "it missed two fires"
    assert "Row 7, ada: Roll back from version 3 to version 2" in describe_repeated(done)
    assert reigns.state.frozen_until == done.frozen_until == AS_OF + dt.timedelta(days=60)
    assert kinds_after(reigns, 6) == [EntryKind.ROLLBACK, EntryKind.CONFIRMATION, EntryKind.FREEZE]


def test_a_promotion_that_was_cut_is_not_rolled_back_by_who_did_not_know_of_it(reigns: Reigns) -> None:
    cut_before_the_alias_moves(reigns, lambda: retrain(reigns.installation, [NEXT_WEEK]))
    assert reigns.state.champion == 3
    with pytest.raises(RefusedRequestError, match="version 4 became champion only now"):
        undo(reigns)
    assert (reigns.state.champion, reigns.state.quarantined) == (4, set())
    assert undo(reigns).to_version == 3


def test_a_freeze_and_its_end_are_rows_with_a_reason(reigns: Reigns) -> None:
    until = AS_OF + dt.timedelta(days=1)
    row = freeze(reigns.ledger, MODEL, until=until, reason="audit", stamp=stamp_at(reigns.installation))
    assert (row.kind, row.summary) == (EntryKind.FREEZE, f"Promotions of {MODEL} are {say_freeze(until)}: audit.")
    assert reigns.state.frozen_until == until
    row = unfreeze(reigns.ledger, MODEL, reason="done!", stamp=stamp_at(reigns.installation))
    assert row.payload == {"reason": "done!", "was_frozen_until": str(until)}
    assert reigns.state.frozen_until is None
    with pytest.raises(RefusedRequestError, match="are not frozen"):
        unfreeze(reigns.ledger, MODEL, reason="again", stamp=stamp_at(reigns.installation))


def test_labels_are_cleared_where_they_were_flagged_and_nowhere_else(reigns: Reigns) -> None:
    flag_labels(reigns, WEEKS[1])
    window = window_of_days(dt.date(2025, 6, 30), dt.date(2025, 7, 1))
    row = clear(reigns, window.start, dt.date(2025, 7, 1))
    assert row.kind is EntryKind.LABELS_CLEARED
    assert row.payload["partitions"] == [WEEKS[1]]
    assert reigns.state.cleared == [window]
    with pytest.raises(RefusedRequestError, match=r"no window in 2024-01-01 to 2024-01-07 is flagged .* 2025-06-30"):
        clear(reigns, dt.date(2024, 1, 1), dt.date(2024, 1, 7))
    with pytest.raises(RefusedRequestError, match="wrong way round"):
        clear(reigns, dt.date(2024, 1, 7), dt.date(2024, 1, 1))


def test_status_names_the_doubted_days_until_somebody_vouches_for_them(reigns: Reigns) -> None:
    assert list(find_doubts(reigns.state)) == []
    flag_labels(reigns, WEEKS[2])
    (doubt,) = find_doubts(reigns.state)
    days = re.search(r"clear-labels --from (\S+) --to (\S+) --reason ", doubt.remedy)
    assert days is not None
    assert doubt.sentence.startswith(f"the fire reports of {days[1]} to {days[2]} are doubted: ")
    assert days[2] == "2025-07-13"
    clear(reigns, dt.date.fromisoformat(days[1]), dt.date.fromisoformat(days[2]))
    assert list(find_doubts(reigns.state)) == []


def clear(reigns: Reigns, first: dt.date, last: dt.date) -> LedgerEntry:
    window, stamp = window_of_days(first, last), stamp_at(reigns.installation)
    return clear_labels(reigns.ledger, MODEL, window=window, reason="the ranger was ill", stamp=stamp)


def flag_labels(reigns: Reigns, key: str) -> None:
    """What the label gate writes into a decision's row."""
    row = fold(reigns.ledger.entries()).decisions[key]
    flagged = row.payload_json.replace('"labels_are_suspect":false', '"labels_are_suspect":true')
    reigns.ledger.edit_by_hand(row.sequence, payload_json=flagged)
