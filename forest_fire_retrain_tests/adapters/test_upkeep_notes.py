"""Notes of the last verify and witness: whole, replaced by the next, and never in the way."""

import datetime as dt
from pathlib import Path

from forest_fire_retrain.adapters.upkeep_notes import (
    VERIFY_FILE,
    keep_verification,
    keep_witnessed,
    read_verification,
    read_witnessed,
)
from forest_fire_retrain.core.oversight.notes import Verification, Witnessed

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def test_a_note_is_read_as_it_was_written_until_the_next_one(tmp_path: Path) -> None:
    assert read_verification(tmp_path) is None
    assert read_witnessed(tmp_path) is None
    for faults in (["lake: a page is gone", "copy: it is old"], []):
        note = Verification.of(faults, NOON)
        keep_verification(tmp_path, note)
        assert read_verification(tmp_path) == note
    keep_witnessed(tmp_path, Witnessed(witnessed_at=NOON, n_rows=12))
    assert str(read_witnessed(tmp_path)) == "2026-03-02T12:00:00+00:00: 12 rows"
    assert str(read_verification(tmp_path)) == "2026-03-02T12:00:00+00:00: no fault"


def test_a_home_that_has_published_nothing_is_not_begun_and_a_broken_note_is_none(tmp_path: Path) -> None:
    keep_verification(tmp_path / "export", Verification.of([], NOON))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / VERIFY_FILE).write_text('{"verified_at": ')
    assert read_verification(tmp_path) is None
    (tmp_path / VERIFY_FILE).unlink()
    (tmp_path / VERIFY_FILE).mkdir()  # it cannot be written
    keep_verification(tmp_path, Verification.of([], NOON))
    assert read_verification(tmp_path) is None
