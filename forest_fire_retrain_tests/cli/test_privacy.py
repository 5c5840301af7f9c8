"""Nobody else on the machine reads or writes a home."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.demonstration import FILE_NAME
from forest_fire_retrain.cli.home import prepare_home
from forest_fire_retrain.cli.privacy import close_home, write_privately
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run

OPEN = 0o022


@pytest.fixture(autouse=True)
def _usual_way() -> Iterator[None]:
    """A person whose files others may read, as on most machines."""
    before = os.umask(OPEN)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def old_home(home: Path) -> Path:
    """A home as earlier releases made it."""
    (home / "export").mkdir(parents=True)
    (home / "records" / "holdout_set").mkdir(parents=True)
    (home / "ledger.duckdb").write_text("rows")
    (home / "export" / "ledger.parquet").write_text("rows")
    (home / "records" / "holdout_set" / "a.json").write_text("{}")
    return home


def open_to_others(home: Path) -> list[str]:
    return [str(path.relative_to(home)) for path in (home, *home.rglob("*")) if mode(path) & 0o077]


def test_what_a_command_writes_is_its_owners_alone(small_park: Path, forest_fire: Run) -> None:
    forest_fire("status")
    (small_park / "lake").mkdir()
    (small_park / "lake" / "table").write_text("rows")
    assert (mode(small_park / "lake"), mode(small_park / "lake" / "table")) == (0o700, 0o600)


@pytest.mark.slow
def test_a_retrained_home_is_its_owners_alone(small_park: Path, forest_fire: Run) -> None:
    assert forest_fire("retrain", "--partition", "2025-07-07").code == 0
    assert open_to_others(small_park) == []


@pytest.mark.parametrize(("name", "value"), [("LAKE_URI", "lake"), ("LEDGER_PATH", "l.duckdb"), ("PRIVATE_HOME", "no")])
def test_what_is_shared_elsewhere_stays_shared(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FOREST_FIRE_{name}", value if name == "PRIVATE_HOME" else str(home.parent / value))
    write_privately(load_settings())
    (home.parent / "table").write_text("rows")
    assert mode(home.parent / "table") == 0o644


def test_a_home_of_an_earlier_release_is_closed_once_and_that_is_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_home(home)
    (home / "ledger.duckdb").chmod(0o755)
    write_privately(load_settings())
    prepare_home(load_settings())
    assert open_to_others(home) == []
    assert mode(home / "ledger.duckdb") == 0o700
    assert "its owner's alone now" in capsys.readouterr().err
    prepare_home(load_settings())
    assert capsys.readouterr().err == ""


def test_whatever_the_product_keeps_in_a_home_is_closed_and_so_is_the_home(home: Path) -> None:
    settings = load_settings()
    folders = {settings.picture_folder, settings.export_folder, settings.records_folder, settings.dagster_home}
    for folder in (*folders, settings.mlflow_home, settings.model_cache, home / "lake", home / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "one").write_text("rows")
    for file in (settings.notices_file, settings.ledger_file, settings.witness_key_file, home / FILE_NAME):
        file.write_text("rows")
    assert close_home(settings)
    assert open_to_others(home) == []


def test_files_of_somebody_else_keep_their_mode_and_their_folder(home: Path) -> None:
    old_home(home)
    (home / "holiday.jpg").write_text("a picture")
    assert close_home(load_settings())
    assert (mode(home), mode(home / "holiday.jpg")) == (0o755, 0o644)
    assert (mode(home / "records"), mode(home / "ledger.duckdb")) == (0o700, 0o600)
    assert not close_home(load_settings())


def test_what_a_link_leads_to_is_left_alone(home: Path, tmp_path: Path) -> None:
    old_home(home)
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "table").write_text("rows")
    (home / "lake").symlink_to(shared)
    (home / "records" / "link").symlink_to(shared / "table")
    close_home(load_settings())
    assert (mode(shared), mode(shared / "table")) == (0o755, 0o644)
    assert mode(home) == 0o700


def test_a_home_that_is_shared_on_purpose_is_left_as_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_home(home)
    monkeypatch.setenv("FOREST_FIRE_PRIVATE_HOME", "false")
    assert not close_home(load_settings())
    assert mode(home) == 0o755
