"""What was told is kept over restarts, for its owner alone, and only one process tells at a time."""

import sqlite3
import stat
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.told_notices import ToldNotices
from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.core.notices.notice import Baseline, Told
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.example_notices import HOUR, example_notice


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "notices.sqlite"


def test_what_was_told_is_known_after_a_restart_in_its_order(path: Path) -> None:
    row, over = (
        example_notice(),
        example_notice(kind="feed", key="over/feed#1", matter="feed/a", is_over=True, row=None),
    )
    for notice in (row, over, row):
        ToldNotices(path).note_told("mail", notice, NOON)
    assert ToldNotices(path).told("mail") == [
        Told("promotion", row.key, matter=None, is_over=False, sentence=row.sentence),
        Told("feed", over.key, matter="feed/a", is_over=True, sentence=over.sentence),
    ]
    assert ToldNotices(path).told("file") == []


def test_a_baseline_is_kept_and_a_failure_before_it_is_none(path: Path) -> None:
    ToldNotices(path).note_failure("mail", "gone", NOON)
    assert ToldNotices(path).baseline("mail") is None
    ToldNotices(path).begin("mail", Baseline(NOON, 12))
    assert ToldNotices(path).baseline("mail") == Baseline(NOON, 12)


def test_a_failure_is_known_until_a_notice_is_taken(path: Path) -> None:
    assert ToldNotices(path).failures() == []
    assert not path.exists()
    ToldNotices(path).note_failure("mail", "gone", NOON)
    ToldNotices(path).note_failure("mail", "still gone", NOON + HOUR)
    (failure,) = ToldNotices(path).failures()
    assert (failure.channel, failure.failed_at, failure.why) == ("mail", NOON + HOUR, "still gone")
    ToldNotices(path).note_told("mail", example_notice(), NOON)
    assert ToldNotices(path).failures() == []


def test_a_home_has_a_name_of_its_own_that_stays(path: Path) -> None:
    assert ToldNotices(path).home == ToldNotices(path).home != ToldNotices(path.with_name("other.sqlite")).home


def test_its_owner_alone_may_read_it(path: Path) -> None:
    ToldNotices(path).note_told("mail", example_notice(), NOON)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_one_tells_at_a_time(path: Path) -> None:
    with ToldNotices(path).exclusive() as first, ToldNotices(path).exclusive() as second:
        assert (first, second) == (True, False)
    with ToldNotices(path).exclusive() as later:
        assert later


def test_a_damaged_file_is_named_with_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database, whatever its name says" * 100)
    with pytest.raises(HomeError, match="move it away"):
        ToldNotices(path).told("mail")


def test_a_file_of_a_later_release_is_left_alone(path: Path) -> None:
    assert ToldNotices(path).home
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(HomeError, match="later release"):
        ToldNotices(path).note_told("mail", example_notice(), NOON)
