"""An order to score a candidate beside the champion: proved, written once, ended by its day or by a person."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from forest_fire_retrain import operations, shadows
from forest_fire_retrain.core.errors import RefusedRequestError, RegistryError
from forest_fire_retrain.core.ledger.entries import EntryKind, Stamp
from forest_fire_retrain.core.ledger.redrafting import find_other_columns
from forest_fire_retrain.pipeline.custody.shadowing import (
    Shadowing,
    Wish,
    describe_repeated_shadow,
    end_shadow,
    order_shadow,
)
from forest_fire_retrain_tests.example_reigns import NEXT_WEEK, Reigns, retrain, stamp_at, three_reigns

MODEL = "forest_fire_risk"
TODAY = dt.date(2026, 3, 2)
UNTIL = dt.date(2026, 4, 1)


@pytest.fixture
def reigns() -> Reigns:
    return three_reigns()


@pytest.fixture
def kept(reigns: Reigns) -> Reigns:
    """With a candidate of the newest period that was not promoted."""
    decide_against(reigns, NEXT_WEEK)
    return reigns


def decide_against(reigns: Reigns, key: str) -> None:
    settings = reigns.installation.settings
    strict = settings.adjudication.model_copy(update={"min_fires": 10_000})
    retrain(replace(reigns.installation, settings=settings.model_copy(update={"adjudication": strict})), [key])


def wish(reigns: Reigns, which: str, reason: str = "a trial", actor: str = "ada") -> Wish:
    return Wish(which, reason, TODAY, stamp_at(reigns.installation, actor))


def order(reigns: Reigns, which: str, until: dt.date = UNTIL, reason: str = "a trial", actor: str = "ada") -> Shadowing:
    return order_shadow(reigns.installation.stores, MODEL, wish(reigns, which, reason, actor), until)


def end(reigns: Reigns, which: str, reason: str = "seen enough", actor: str = "ada") -> Shadowing:
    return end_shadow(reigns.ledger, MODEL, wish(reigns, which, reason, actor))


@contextmanager
def unchanged(reigns: Reigns) -> Iterator[None]:
    """Nothing is written inside."""
    rows = len(reigns.ledger.rows)
    yield
    assert len(reigns.ledger.rows) == rows


def held(reigns: Reigns, day: dt.date = TODAY) -> list[str]:
    at = dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC)
    return [shadow.name for shadow in shadows.find_shadows(reigns.installation, at)]


def test_a_version_is_a_shadow_until_its_day(reigns: Reigns) -> None:
    done = order(reigns, "1")
    assert (done.is_repeated, done.entry.kind, done.entry.actor) == (False, EntryKind.SHADOW, "ada")
    assert done.entry.summary == "Version 1 is a shadow until 2026-04-01, scored beside the champion: a trial."
    assert done.entry.payload == {
        "candidate_id": reigns.state.candidates[1].candidate_id,
        "partition_key": "2025-07-07",
        "version": 1,
        "until": "2026-04-01",
        "reason": "a trial",
    }
    assert (done.entry.champion_before, done.entry.champion_after, reigns.state.champion) == (3, 3, 3)
    assert held(reigns) == ["version 1"]
    assert held(reigns, UNTIL) == []
    assert find_other_columns(reigns.ledger.entries()) == {}


def test_the_newest_candidate_is_a_shadow_without_a_version(kept: Reigns) -> None:
    done = order(kept, "candidate")
    assert done.entry.summary.startswith("The candidate of 2025-07-28 is a shadow until 2026-04-01")
    assert done.entry.payload["version"] is None
    assert held(kept) == ["the candidate of 2025-07-28"]
    assert order(kept, NEXT_WEEK).is_repeated
    assert find_other_columns(kept.ledger.entries()) == {}


def test_the_same_order_again_writes_nothing_and_another_day_or_reason_or_person_writes_it(reigns: Reigns) -> None:
    first = order(reigns, "1")
    again = order(reigns, "1", reason=" a trial ")
    assert (again.is_repeated, again.entry) == (True, first.entry)
    assert describe_repeated_shadow(again).startswith("This order is in the ledger already, nothing was written. Row 7")
    rows = len(reigns.ledger.rows)
    order(reigns, "1", until=dt.date(2026, 5, 1))
    order(reigns, "1", until=dt.date(2026, 5, 1), reason="longer")
    order(reigns, "1", until=dt.date(2026, 5, 1), reason="longer", actor="grace")
    assert len(reigns.ledger.rows) == rows + 3
    assert held(reigns, dt.date(2026, 4, 30)) == ["version 1"]


def test_a_person_ends_it_and_the_same_end_again_writes_nothing(reigns: Reigns) -> None:
    order(reigns, "1")
    done = end(reigns, "1")
    assert done.entry.summary == "Version 1, a shadow until 2026-04-01, is scored no more: seen enough."
    assert held(reigns) == []
    again = end(reigns, "1")
    assert (again.is_repeated, again.entry) == (True, done.entry)
    with pytest.raises(RefusedRequestError, match=r"no order to score '1' beside the champion holds.*Ordered: none"):
        end(reigns, "1", reason="for another reason")
    order(reigns, "1")
    assert not end(reigns, "1").is_repeated
    assert find_other_columns(reigns.ledger.entries()) == {}


def test_of_two_candidates_without_a_version_the_period_says_which_is_ended(kept: Reigns) -> None:
    order(kept, "candidate")
    decide_against(kept, "2025-08-04")
    order(kept, "candidate")
    assert held(kept) == ["the candidate of 2025-07-28", "the candidate of 2025-08-04"]
    with pytest.raises(RefusedRequestError, match=r"'candidate' names 2 shadows.*the candidate of 2025-07-28 until"):
        end(kept, "candidate")
    end(kept, "2025-07-28")
    end(kept, "candidate")
    assert held(kept) == []


def test_an_order_that_is_over_cannot_be_ended(reigns: Reigns) -> None:
    order(reigns, "1")
    late = wish(reigns, "1")._replace(today=UNTIL)
    with pytest.raises(RefusedRequestError, match=r"holds; nothing was changed. Ordered: none"):
        end_shadow(reigns.ledger, MODEL, late)


def test_who_was_rolled_back_from_may_be_looked_at_again_by_order(reigns: Reigns) -> None:
    stamp = stamp_at(reigns.installation)
    operations.roll_back(reigns.installation, to_version=None, reason="missed two", freeze_until=None, stamp=stamp)
    assert held(reigns) == []
    order(reigns, "3")
    assert held(reigns) == ["version 3"]


@pytest.mark.parametrize(
    ("which", "told"),
    [
        ("9", r"the ledger knows no version 9 of forest_fire_risk; nothing was changed. The nearest: 1, 2, 3"),
        ("3", r"version 3 is the champion, which is scored anyway; nothing was changed"),
        ("candidate", r"version 3 is the champion, which is scored anyway"),
        ("2025-07-21", r"version 3 is the champion, which is scored anyway"),
        ("2024-01-01", r"'2024-01-01' is no version, no decided period, and not the word candidate"),
        ("champion", r"'champion' is no version, no decided period"),
    ],
)
def test_who_is_nobody_or_the_champion_is_refused(reigns: Reigns, which: str, told: str) -> None:
    with unchanged(reigns), pytest.raises(RefusedRequestError, match=told):
        order(reigns, which)


@pytest.mark.parametrize("until", [TODAY, dt.date(2026, 3, 1)])
def test_a_day_that_is_over_is_refused(reigns: Reigns, until: dt.date) -> None:
    with unchanged(reigns), pytest.raises(RefusedRequestError, match="would never be scored: today is 2026-03-02"):
        order(reigns, "1", until=until)


def test_a_blank_reason_is_refused(reigns: Reigns) -> None:
    with unchanged(reigns), pytest.raises(RefusedRequestError, match="a shadow needs a reason"):
        order(reigns, "1", reason=" ")
    with unchanged(reigns), pytest.raises(RefusedRequestError, match="ending a shadow needs a reason"):
        end(reigns, "1", reason=" ")


def test_a_model_whose_bytes_changed_is_refused(reigns: Reigns) -> None:
    reigns.tracker.digests[reigns.state.candidates[1].stored.model_uri] = "0" * 64
    told = "version 1 cannot be scored beside the champion, nothing was changed: .*SHA-256"
    with unchanged(reigns), pytest.raises(RegistryError, match=told):
        order(reigns, "1")


def test_a_newest_candidate_that_was_promoted_and_replaced_is_named_by_its_version(reigns: Reigns) -> None:
    stamp = stamp_at(reigns.installation)
    operations.roll_back(reigns.installation, to_version=None, reason="missed two", freeze_until=None, stamp=stamp)
    with pytest.raises(RefusedRequestError, match=r"was promoted: it is version 3.*forest-fire shadow 3"):
        order(reigns, "candidate")


def test_without_a_champion_there_is_nothing_to_stand_beside(reigns: Reigns) -> None:
    reigns.ledger.rows.clear()
    with pytest.raises(RefusedRequestError, match="has no champion that anything could be scored beside"):
        order_shadow(
            reigns.installation.stores,
            MODEL,
            Wish("candidate", "a trial", TODAY, Stamp(dt.datetime(2026, 3, 2, tzinfo=dt.UTC), "ada", "cli")),
            UNTIL,
        )


class PowerCut(BaseException):
    """What stops a run without any of its own code running."""


@pytest.mark.parametrize("point", ["before append", "after append"])
@pytest.mark.parametrize("is_end", [False, True], ids=["order", "end"])
def test_an_order_that_was_cut_and_is_given_again_is_in_the_ledger_once(
    reigns: Reigns,
    point: str,
    is_end: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    give = (lambda: end(reigns, "1")) if is_end else (lambda: order(reigns, "1"))
    if is_end:
        order(reigns, "1")
    rows = len(reigns.ledger.rows)

    def cut(reached: str) -> None:
        if reached == point:
            raise PowerCut

    reigns.ledger.interrupt = cut
    with pytest.raises(PowerCut):
        give()
    reigns.ledger.interrupt = lambda _point: None
    done = give()
    assert done.is_repeated == (point == "after append")
    assert len(reigns.ledger.rows) == rows + 1
    assert held(reigns) == ([] if is_end else ["version 1"])
