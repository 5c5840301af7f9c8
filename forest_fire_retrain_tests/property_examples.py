"""How many examples a property is tried on, where Hypothesis's usual hundred would be too many."""

from hypothesis import settings

USUAL = 100
FEWEST = 5


def examples(number: int) -> settings:
    """Settings with so many examples, or in the quick half of the tests with the same share of them as elsewhere."""
    assert settings.default is not None
    share = settings.default.max_examples / USUAL
    return settings(max_examples=max(min(number, FEWEST), round(number * share)))
