"""A matter is told once while it is open, and once that it is over."""

from collections.abc import Sequence

from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.notices.matter_notices import TITLES, TOLD_FROM_ROWS, matter_notices
from forest_fire_retrain.core.notices.notice import Notice, Told
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.example_notices import example_matter


class Listener:
    """Hears of matters look after look."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def look(self, *matters: Matter, is_whole: bool = True) -> Sequence[Notice]:
        new = matter_notices(matters, self.told, "m", NOON, is_whole=is_whole)
        self.told += [Told(str(n.kind), n.key, n.matter, n.is_over, n.sentence) for n in new]
        return new


def test_a_matter_is_told_once_and_once_that_it_is_over() -> None:
    listener, matter = Listener(), example_matter()
    (notice,) = listener.look(matter)
    assert notice.sentence == "run_failed/a was seen."
    assert listener.look(matter) == []
    (over,) = listener.look()
    assert over.is_over
    assert over.sentence == "Over: run_failed/a was seen."
    assert listener.look() == []


def test_what_comes_again_is_told_again_under_another_key() -> None:
    listener, matter = Listener(), example_matter()
    first, _, again, over = (listener.look(*seen)[0] for seen in ([matter], [], [matter], []))
    assert first.key != again.key
    assert len({notice.key for notice in listener.told}) == 4
    assert over.is_over


def test_a_kind_is_not_over_while_another_matter_of_it_is_open() -> None:
    listener = Listener()
    listener.look(example_matter())
    (later,) = listener.look(example_matter(key="run_failed/b"))
    assert not later.is_over
    (over,) = listener.look()
    assert over.sentence == "Over (and 1 more before): run_failed/b was seen."


def test_what_could_not_be_looked_at_is_not_over() -> None:
    listener = Listener()
    listener.look(example_matter())
    assert listener.look(is_whole=False) == []


def test_what_was_never_told_is_not_told_to_be_over() -> None:
    assert Listener().look() == []


def test_kinds_do_not_close_each_other() -> None:
    listener, old = Listener(), example_matter(MatterKind.CHAMPION_OLD, "champion_old/3")
    listener.look(example_matter(), old)
    (over,) = listener.look(old)
    assert over.kind == MatterKind.RUN_FAILED


def test_what_rows_tell_is_not_told_a_second_time() -> None:
    assert Listener().look(*(example_matter(kind, f"{kind}/x") for kind in sorted(TOLD_FROM_ROWS))) == []


def test_every_kind_has_a_title_or_is_told_from_rows() -> None:
    assert set(TITLES) | TOLD_FROM_ROWS == set(MatterKind)
