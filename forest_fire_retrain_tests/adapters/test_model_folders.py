"""A model's folder: hashed without its address, copied only as recorded, proved again each time it is used."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.model_folders import find_other_files, hash_files, keep_verified
from forest_fire_retrain.core.errors import ArtifactTamperedError, HomeError
from forest_fire_retrain.core.records import StoredFile, StoredModel

DESCRIPTION = "artifact_path: file:///home/a/models/m-1\nflavors:\n  loader_module: mlflow.sklearn\n"
CONTENTS = {"MLmodel": DESCRIPTION, "model.skops": "a model", "requirements.txt": "numpy"}


class Store:
    """A model's folder as MLflow holds it, and how often it was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_opened = folder, 0
        for name, text in CONTENTS.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    @contextmanager
    def open(self) -> Iterator[Path]:
        self.n_opened += 1
        yield self.folder

    def record(self) -> StoredModel:
        files = hash_files(self.folder)
        model = next(file.sha256 for file in files if file.name == "model.skops")
        return StoredModel(mlflow_run_id="run", model_uri="models:/m-1", artifact_sha256=model, files=files)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_whole_folder_is_copied_once_and_without_its_address(store: Store, tmp_path: Path) -> None:
    kept = keep_verified(store.record(), tmp_path / "cache", store.open)
    assert names_in(kept) == sorted(CONTENTS)
    assert (kept / "model.skops").read_text() == "a model"
    assert (kept / "MLmodel").read_text() == DESCRIPTION.replace("file:///home/a/models/m-1", "model")
    assert keep_verified(store.record(), tmp_path / "cache", store.open) == kept
    assert store.n_opened == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [kept.name]


def test_a_home_that_moved_has_the_same_files(store: Store) -> None:
    recorded = store.record()
    store.write("MLmodel", DESCRIPTION.replace("/home/a", "/srv/b"))
    assert store.record() == recorded
    assert find_other_files(recorded, store.folder) == []


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_a_file_with_other_bytes_is_refused_by_name_and_nothing_is_kept(
    store: Store, tmp_path: Path, name: str
) -> None:
    recorded = store.record()
    store.write(name, CONTENTS[name] + "\nloader_module: evil")
    assert find_other_files(recorded, store.folder) == [name]
    with pytest.raises(ArtifactTamperedError, match=f"file {name} has the SHA-256"):
        keep_verified(recorded, tmp_path / "cache", store.open)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_a_file_that_is_gone_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    recorded = store.record()
    (store.folder / name).unlink()
    assert find_other_files(recorded, store.folder) == [name]
    with pytest.raises(ArtifactTamperedError, match=f"{name} cannot be read"):
        keep_verified(recorded, tmp_path / "cache", store.open)


def test_a_file_that_was_added_is_named_and_never_copied(store: Store, tmp_path: Path) -> None:
    recorded = store.record()
    store.write("code/evil.py", "print('evil')")
    assert find_other_files(recorded, store.folder) == ["code/evil.py"]
    assert names_in(keep_verified(recorded, tmp_path / "cache", store.open)) == sorted(CONTENTS)


def test_of_an_older_record_only_the_model_itself_is_copied(store: Store, tmp_path: Path) -> None:
    older = store.record().model_copy(update={"files": ()})
    store.write("MLmodel", "loader_module: evil")
    assert names_in(keep_verified(older, tmp_path / "cache", store.open)) == ["model.skops"]
    assert find_other_files(older, store.folder) == []
    store.write("model.skops", "another")
    assert find_other_files(older, store.folder) == ["model.skops"]


def test_a_verified_folder_that_was_changed_is_made_again(store: Store, tmp_path: Path) -> None:
    kept = keep_verified(store.record(), tmp_path / "cache", store.open)
    (kept / "MLmodel").write_text("loader_module: evil")
    assert keep_verified(store.record(), tmp_path / "cache", store.open) == kept
    assert "evil" not in (kept / "MLmodel").read_text()
    (kept / "sitecustomize.py").write_text("print('evil')")
    keep_verified(store.record(), tmp_path / "cache", store.open)
    assert names_in(kept) == sorted(CONTENTS)
    assert store.n_opened == 3
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [kept.name]


def test_a_link_in_a_verified_folder_is_not_followed(store: Store, tmp_path: Path) -> None:
    kept = keep_verified(store.record(), tmp_path / "cache", store.open)
    elsewhere = shutil.copy(kept / "model.skops", tmp_path / "elsewhere")
    (kept / "model.skops").unlink()
    (kept / "model.skops").symlink_to(elsewhere)
    keep_verified(store.record(), tmp_path / "cache", store.open)
    assert not (kept / "model.skops").is_symlink()
    moved = kept.rename(tmp_path / "moved")
    kept.symlink_to(moved)
    keep_verified(store.record(), tmp_path / "cache", store.open)
    assert not kept.is_symlink()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_record_that_names_a_file_elsewhere_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    recorded = store.record()
    files = (*recorded.files, StoredFile(name=name, sha256="0" * 64))
    with pytest.raises(ArtifactTamperedError, match="contradicts itself"):
        keep_verified(recorded.model_copy(update={"files": files}), tmp_path / "cache", store.open)


def test_a_record_whose_files_are_of_another_model_is_refused(store: Store, tmp_path: Path) -> None:
    other = store.record().model_copy(update={"artifact_sha256": "0" * 64})
    with pytest.raises(ArtifactTamperedError, match="contradicts itself"):
        keep_verified(other, tmp_path / "cache", store.open)


def test_a_cache_that_cannot_be_written_says_what_to_do(store: Store, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(HomeError, match="folder=…"):
        keep_verified(store.record(), tmp_path / "cache", store.open)


@pytest.mark.skipif(os.name != "posix", reason="renames over a folder are refused elsewhere")
def test_what_another_process_puts_at_the_same_time_stays(store: Store, tmp_path: Path) -> None:
    recorded, cache = store.record(), tmp_path / "cache"

    @contextmanager
    def open_late() -> Iterator[Path]:
        keep_verified(recorded, cache, store.open)  # the other one
        yield store.folder

    kept = keep_verified(recorded, cache, open_late)
    assert names_in(kept) == sorted(CONTENTS)
    assert len(list(cache.iterdir())) == 1
