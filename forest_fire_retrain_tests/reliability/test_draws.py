"""Instants of a span that was measured while the machine was busy still kill."""

from forest_fire_retrain_tests.reliability.draws import MOST_DRAWS_BEFORE_FIRST_KILL, Draws
from forest_fire_retrain_tests.reliability.tallies import Verdict


def kill(draws: Draws, run_takes_seconds: float) -> list[float]:
    """Draw until nothing is missing; the instants drawn."""
    drawn = []
    while n_missing := draws.n_missing:
        batch = [draws.draw() for _ in range(n_missing)]
        draws.add([Verdict("a kill", [], n_faults=int(after < run_takes_seconds)) for after in batch])
        drawn += batch
    return drawn


def test_a_span_twice_too_long_still_kills() -> None:
    for seed in range(200):
        draws = Draws(seed, 1, 2.0)
        kill(draws, 1.0)
        assert sum(verdict.n_faults for verdict in draws.verdicts) == 1, seed


def test_a_run_that_cannot_be_killed_ends_the_draws() -> None:
    assert len(kill(Draws(1, 1, 2.0), 0.0)) == MOST_DRAWS_BEFORE_FIRST_KILL


def test_the_same_seed_draws_the_same_instants() -> None:
    assert kill(Draws("7 retrain", 5, 3.0), 2.0) == kill(Draws("7 retrain", 5, 3.0), 2.0)


def test_nothing_is_drawn_where_no_kill_is_asked_for() -> None:
    assert Draws(1, 0, 2.0).n_missing == 0
