"""What every `RecordStore` promises, run on the fake and on the record files."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.ports import RecordStore
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain_tests.fakes.records import FakeRecordStore

KIND, KEY = "holdout_set", "2024-01-01"


class Bench(NamedTuple):
    """A store, and all that was ever put into it under one kind and partition, oldest first."""

    store: RecordStore
    kept: Callable[[], list[str]]


@pytest.fixture(params=["fake", "files"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "fake":
        fake = FakeRecordStore()
        return Bench(fake, lambda: fake.kept.get((KIND, KEY), []))
    folder = tmp_path / "records" / KIND / KEY
    return Bench(
        RecordFiles(tmp_path / "records"),
        lambda: [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*"))],
    )


def record(name: str) -> Recipe:
    return Recipe(name=name, estimator="logistic", parameters={"c": 0.5})


def test_nothing_was_put_means_there_is_no_newest(bench: Bench) -> None:
    assert bench.store.newest(KIND, KEY) is None


def test_the_newest_record_comes_back_as_it_was_put(bench: Bench) -> None:
    bench.store.put(KIND, KEY, record("première"))
    text = bench.store.newest(KIND, KEY)
    assert text is not None
    assert Recipe.model_validate_json(text) == record("première")


def test_the_same_record_again_changes_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.store.put(KIND, KEY, record("a"))
    assert bench.kept() == [record("a").model_dump_json()]


def test_a_later_record_is_the_newest_and_overwrites_none(bench: Bench) -> None:
    names = [f"recipe {number % 3}" for number in range(12)]
    for name in names:
        bench.store.put(KIND, KEY, record(name))
        assert bench.store.newest(KIND, KEY) == record(name).model_dump_json()
    assert bench.kept() == [record(name).model_dump_json() for name in names]


def test_kinds_and_partitions_are_kept_apart(bench: Bench) -> None:
    bench.store.put(KIND, KEY, record("a"))
    bench.store.put(KIND, "2024-01-08", record("b"))
    bench.store.put("candidate_model", KEY, record("c"))
    assert bench.store.newest(KIND, KEY) == record("a").model_dump_json()
    assert bench.store.newest("candidate_model", "2024-01-08") is None


def test_a_page_is_kept_under_its_own_hash_as_it_was_given_and_once(bench: Bench) -> None:
    page = "<p>première\r\n</p>\n"
    digest = bench.store.keep_page(page)
    assert digest == hashlib.sha256(page.encode()).hexdigest() == bench.store.keep_page(page)
    assert bench.store.page(digest) == page
    assert bench.store.page(hashlib.sha256(b"another").hexdigest()) is None
    assert bench.store.page("../../etc/passwd") is None
    assert bench.kept() == []


def test_a_page_that_somebody_changed_comes_back_changed_and_is_not_written_over(tmp_path: Path) -> None:
    store = RecordFiles(tmp_path)
    digest = store.keep_page("as it was")
    (tmp_path / "decision_page" / f"{digest}.html").write_bytes(b"changed \xff")
    assert store.keep_page("as it was") == digest
    assert store.page(digest) == "changed \ufffd"


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "", ".", "..", "a/b", "a b", "a\n"])
def test_files_are_never_written_outside_their_folder(tmp_path: Path, name: str) -> None:
    store = RecordFiles(tmp_path / "records")
    for kind, key in ((name, KEY), (KIND, name)):
        with pytest.raises(ConfigurationError, match="not a plain name"):
            store.put(kind, key, record("a"))
    assert list(tmp_path.iterdir()) == []


def test_a_half_written_file_is_no_record(tmp_path: Path) -> None:
    store = RecordFiles(tmp_path)
    store.put(KIND, KEY, record("a"))
    (tmp_path / KIND / KEY / "tmpabc.part").write_text('{"name": "b')
    assert store.newest(KIND, KEY) == record("a").model_dump_json()
    store.put(KIND, KEY, record("b"))
    assert store.newest(KIND, KEY) == record("b").model_dump_json()


def test_what_a_killed_process_had_begun_is_removed_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    store, folder = RecordFiles(tmp_path), tmp_path / KIND / KEY
    store.put(KIND, KEY, record("a"))
    (folder / "000002-abc.json.4194303.part").write_text('{"name": "b')
    (folder / f"000002-def.json.{os.getpid()}.part").write_text('{"name": "c')
    store.put(KIND, KEY, record("a"))
    assert [path.name for path in folder.glob("*.part")] == [f"000002-def.json.{os.getpid()}.part"]


def test_a_record_put_after_an_older_one_was_deleted_is_the_newest(tmp_path: Path) -> None:
    store = RecordFiles(tmp_path)
    store.put(KIND, KEY, record("first"))
    for number in range(8):
        store.put(KIND, KEY, record(f"recipe {number}"))
        assert store.newest(KIND, KEY) == record(f"recipe {number}").model_dump_json()
        min((tmp_path / KIND / KEY).glob("*.json")).unlink()
