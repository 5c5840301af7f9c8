"""Log odds as chances and factors, and counts, for people.

A contribution in log odds multiplies the odds by its exponential; what it does to the chance depends on all others.
"""

import math

MANY_TIMES, NEARLY_NOTHING = 10, 0.1


def chance_of(log_odds: float) -> float:
    """The chance that has these log odds."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def show_chance(chance: float) -> str:
    """`4.3%`; three digits that say something below one percent."""
    percent = 100 * chance
    return f"{percent:.1f}%" if percent >= 1 else f"{percent:.2g}%"


def show_factor(log_odds: float) -> str:
    """`odds x1.8`: what a contribution does to the odds."""
    factor = math.exp(log_odds)
    if abs(factor - 1) < NEARLY_NOTHING:
        return f"odds x{factor:.2f}"
    return f"odds x{factor:.0f}" if factor >= MANY_TIMES else f"odds x{factor:.2g}"


def show_log_odds(log_odds: float) -> str:
    """`+0.61`."""
    return f"{round(log_odds, 2) + 0.0:+.2f}"  # adding zero takes the sign from a zero


def count(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
