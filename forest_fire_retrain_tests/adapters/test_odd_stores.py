"""An odd event or log stops nobody, and nothing is lost where somebody else works on the store meanwhile."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from forest_fire_retrain.adapters import store_trimming
from forest_fire_retrain.adapters.store_trimming import KEPT_ELSEWHERE, trim_store
from forest_fire_retrain.cli.home import DAGSTER_YAML
from forest_fire_retrain_tests.adapters.test_store_trimming import KEYS, ask, index_of, log_of, materializations, run

ODD = ("[1]", '"made"', '{"dagster_event": "made"}', "{}", '{"__class__": "Nobody"}', "made")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as held:
        yield held


@pytest.mark.parametrize("event", ODD)
def test_an_odd_event_stays_as_it_is_and_stops_nobody(home: Path, instance: dg.DagsterInstance, event: str) -> None:
    run_id = run(instance)
    places = [
        put_odd(path, "ASSET_MATERIALIZATION", f"event = '{event}'") for path in (index_of(home), log_of(home, run_id))
    ]
    assert trim_store(home) == [run_id]
    for path, place in zip((index_of(home), log_of(home, run_id)), places, strict=True):
        assert ask(path, f"SELECT event FROM event_logs WHERE id = {place}") == [(event,)]  # noqa: S608 - a number


@pytest.mark.parametrize("oddness", ["no end", "no database", "an odd event"])
def test_an_odd_log_keeps_no_other_from_its_turn(home: Path, instance: dg.DagsterInstance, oddness: str) -> None:
    odd, sound = sorted(run(instance) for _ in range(2))
    log = log_of(home, odd)
    if oddness == "no database":
        log.write_bytes(b"no database")
    else:
        put_odd(log, "PIPELINE_SUCCESS", "dagster_event_type = 'x'" if oddness == "no end" else "event = '[1]'")
    held = log.read_bytes()
    trim_store(home)
    assert log.read_bytes() == held
    assert not any(one.metadata for one in materializations(instance, sound))


def put_odd(database: Path, kind: str, change: str) -> int:
    """Change the first event of a kind; its place."""
    with closing(sqlite3.connect(database)) as store:
        (place,) = store.execute("SELECT min(id) FROM event_logs WHERE dagster_event_type = ?", (kind,)).fetchone()
        store.execute(f"UPDATE event_logs SET {change} WHERE id = {place:d}")  # noqa: S608 - written above
        store.commit()
    return int(place)


def test_an_event_that_took_the_place_of_another_meanwhile_stays(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody deletes the newest run while its events are being shortened, and another run goes on."""
    run_id, at_once = run(instance), store_trimming._at_once

    def take_places(store: sqlite3.Connection) -> Any:
        monkeypatch.setattr(store_trimming, "_at_once", at_once)
        instance.delete_run(run_id)
        for _ in range(8 * len(KEYS)):
            instance.report_runless_asset_event(dg.AssetMaterialization("other", metadata={"own": 1}))
        return at_once(store)

    monkeypatch.setattr(store_trimming, "_at_once", take_places)
    trim_store(home)
    told = ask(index_of(home), "SELECT event FROM event_logs")
    assert len(told) == 8 * len(KEYS)
    assert all('"own"' in event for (event,) in told)


def test_two_who_trim_a_log_at_once_say_it_once(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, last_words = run(instance), store_trimming._last_words

    def after_another(store: sqlite3.Connection, run_id: str) -> tuple[str, str]:
        monkeypatch.setattr(store_trimming, "_last_words", last_words)
        assert trim_store(home) == [run_id]
        return last_words(store, run_id)

    monkeypatch.setattr(store_trimming, "_last_words", after_another)
    trim_store(home)
    assert [log.user_message for log in instance.all_logs(run_id)].count(KEPT_ELSEWHERE) == 1


def test_a_look_at_a_log_leaves_no_file_beside_it_and_does_not_make_it_new(
    home: Path, instance: dg.DagsterInstance
) -> None:
    log = log_of(home, run(instance))
    trim_store(home)
    os.utime(log, (0, 0))
    trim_store(home)
    assert [path.name for path in sorted(log.parent.glob(f"{log.name}*"))] == [log.name]
    assert log.stat().st_mtime == 0
