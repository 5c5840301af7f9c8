"""A home of an earlier release: its rows can be told, and once alerts are configured its history is not."""

import json
from pathlib import Path

import pytest

from forest_fire_retrain import notifying, operations
from forest_fire_retrain.adapters.ledger_export import read_export
from forest_fire_retrain.adapters.notify_settings import NotifySettings
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.notices.ledger_notices import notices_of
from forest_fire_retrain.installation import build_ledger
from forest_fire_retrain.settings import Settings
from forest_fire_retrain_tests.example_evidence import STAMP
from forest_fire_retrain_tests.golden.unpacking import ARCHIVE, HERE, settings_of, unpack


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.jsonl"


@pytest.fixture
def settings(tmp_path: Path, told: Path) -> Settings:
    golden = settings_of(unpack(HERE / ARCHIVE, tmp_path / "home"))
    return golden.model_copy(update={"notify": NotifySettings(file=told)})


def rows_in(told: Path) -> list[str]:
    lines = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    return [line["kind"] for line in lines if line["ledger_row"] is not None]


def test_every_row_of_an_old_ledger_can_be_told(settings: Settings) -> None:
    entries = read_export(settings.export_folder)
    notices = notices_of(entries, settings.model_name, 1)
    confirmed = [entry.sequence for entry in entries if entry.kind is EntryKind.CONFIRMATION]
    assert [notice.row for notice in notices if notice.kind in {"promotion", "rollback"}] == confirmed
    told_kinds = {notice.kind for notice in notices}
    assert told_kinds >= {"promotion", "rollback", "freeze", "unfreeze", "labels_cleared", "registry", "repair"}
    assert all(notice.sentence and notice.subject for notice in notices)


def test_its_history_is_not_told_but_what_comes_after(settings: Settings, told: Path) -> None:
    later = STAMP._replace(recorded_at=read_export(settings.export_folder)[-1].recorded_at)
    for _ in range(2):
        notifying.notify(settings, later.recorded_at)
        assert rows_in(told) == []
    published = build_ledger(settings)
    operations.freeze(published, until=later.recorded_at.date().replace(year=2099), reason="try", stamp=later)
    notifying.notify(settings, later.recorded_at)
    assert rows_in(told) == ["freeze"]
