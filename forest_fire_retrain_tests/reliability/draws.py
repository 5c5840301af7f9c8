"""Random instants at which a campaign kills; a kill that comes too late is drawn again."""

import random
from collections.abc import Sequence

from forest_fire_retrain_tests.reliability.tallies import Verdict

MOST_DRAWS_PER_KILL = 4
MOST_DRAWS_BEFORE_FIRST_KILL = 12
SHORTER = 0.8
"""Of the span that instants are drawn from, after a batch where more than half came too late: what was measured
while the machine was busy is too long once it is not."""


class Draws:
    """Seeded instants within what an undisturbed run takes, until enough of them have killed.

    Parameters
    ----------
    seed : int or str
        Of the draw.
    n_kills : int
        How many are asked for.
    span_seconds : float
        What the instants are drawn from.
    """

    def __init__(self, seed: int | str, n_kills: int, span_seconds: float) -> None:
        self._draw, self._n_kills, self._span = random.Random(seed), n_kills, span_seconds  # noqa: S311 - no secrets
        self.n_drawn, self._n_open = 0, 0
        self.verdicts: list[Verdict] = []

    @property
    def n_missing(self) -> int:
        """How many have to be drawn, with those that are being tried counted as kills."""
        n_left = max(MOST_DRAWS_PER_KILL * self._n_kills, MOST_DRAWS_BEFORE_FIRST_KILL) - self.n_drawn
        n_killed = sum(verdict.n_faults for verdict in self.verdicts)
        return max(0, min(self._n_kills - n_killed - self._n_open, n_left if self._n_kills else 0))

    def draw(self) -> float:
        """The next instant, in seconds after the run's beginning."""
        self.n_drawn, self._n_open = self.n_drawn + 1, self._n_open + 1
        return self._draw.uniform(0, self._span)

    def add(self, verdicts: Sequence[Verdict]) -> None:
        """What the trials of a batch came to."""
        self.verdicts += verdicts
        self._n_open -= len(verdicts)
        if 2 * sum(verdict.n_faults for verdict in verdicts) < len(verdicts):
            self._span *= SHORTER
