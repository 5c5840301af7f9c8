"""The end of a shadow time, cut anywhere: what runs next finishes it or repeats it, with the same result."""

from collections.abc import Callable

import pytest

from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.pipeline.custody.rolling_back import roll_back
from forest_fire_retrain.pipeline.retraining.giving_verdicts import Verdicts
from forest_fire_retrain_tests.example_evidence import MODEL
from forest_fire_retrain_tests.example_park import Bench, decided_bench, windows_of
from forest_fire_retrain_tests.example_shadow_times import (
    ask,
    decide_with_shadow,
    faults_of,
    hide_fires,
    in_shadow,
    shadow_of,
    shadow_times,
    without_page,
)

OTHER_WAYS = ("settled first", "next period")


class CutError(Exception):
    """The process died here."""


def points_of(bench: Bench, walk: Callable[[Bench], object]) -> list[str]:
    seen: list[str] = []
    bench.ledger.interrupt = bench.registry.interrupt = seen.append
    walk(bench)
    bench.ledger.interrupt = bench.registry.interrupt = lambda _point: None
    return seen


def cut(bench: Bench, walk: Callable[[Bench], object], place: int) -> None:
    """Walk until the `place`-th point before or after a write."""
    n_left = place

    def count_down(_point: str) -> None:
        nonlocal n_left
        if n_left == 0:
            raise CutError
        n_left -= 1

    bench.ledger.interrupt = bench.registry.interrupt = count_down
    with pytest.raises(CutError):
        walk(bench)
    bench.ledger.interrupt = bench.registry.interrupt = lambda _point: None


def at_its_end(*, has_fires: bool) -> Bench:
    bench = in_shadow()
    if not has_fires:
        hide_fires(bench, shadow_of(bench))
    return bench


def give(bench: Bench) -> Verdicts:
    return ask(bench, windows_of(2).as_of)


def outcome_of(bench: Bench) -> tuple[object, ...]:
    facts = [
        (row.kind, row.decision_id, row.outcome, row.champion_after, without_page(row)) for row in bench.ledger.rows
    ]
    return facts, bench.champion(), bench.registry.versions(MODEL), bench.registry.descriptions


@pytest.mark.parametrize("has_fires", [True, False], ids=["promoted", "dropped"])
@pytest.mark.parametrize("way", ["asked again", *(pytest.param(w, marks=pytest.mark.slow) for w in OTHER_WAYS)])
def test_a_verdict_cut_anywhere_is_finished_or_repeated_with_the_same_result(way: str, *, has_fires: bool) -> None:
    undisturbed = at_its_end(has_fires=has_fires)
    points = points_of(undisturbed, give)
    assert points[:2] == ["before append", "after append"]
    assert len(points) == (14 if has_fires else 2)
    if way == "next period":
        undisturbed.decide(2)
    for place in range(len(points)):
        bench = at_its_end(has_fires=has_fires)
        cut(bench, give, place)
        if way == "settled first":
            settle(bench.ledger, bench.registry, MODEL, bench.stamp(2))
        if way == "next period":
            bench.decide(2)
        else:
            give(bench)
        assert outcome_of(bench) == outcome_of(undisturbed), points[place]
        assert faults_of(bench) == []
        assert bench.ledger.depth == 0


def test_the_end_of_a_shadow_time_that_a_rollback_brings_is_finished_by_the_next_run() -> None:
    def walk(bench: Bench) -> None:
        roll_back(bench.stores, MODEL, to_version=1, reason="drift", freeze_until=None, stamp=bench.stamp(2))

    def build() -> Bench:
        bench = decided_bench(0, 1)
        decide_with_shadow(bench, 2)
        return bench

    undisturbed = build()
    points = points_of(undisturbed, walk)
    for place in range(len(points)):
        bench = build()
        cut(bench, walk, place)
        walk(bench)
        assert bench.kinds() == undisturbed.kinds(), points[place]
        assert (bench.champion(), shadow_times(bench), faults_of(bench)) == (1, [], [])
