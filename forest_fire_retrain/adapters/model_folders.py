"""The folder of a stored model: hashed when it is stored, copied for use only where every byte is as recorded.

Rules
-----
- `MLmodel` names the code that MLflow loads a model with, so that the whole folder is proved, not the model alone.
- `MLmodel` also names the place it lies at. It is hashed, and copied, without that, so that a home may move.
- A verified folder is called by what it holds and appears at once, whole. It is proved again each time it is used.
- Records that are older than the list of files prove the model's own file: nothing else is copied then.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from forest_fire_retrain.adapters.verified_models import MODEL_FILE, sha256_of_file
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import ArtifactTamperedError, HomeError, TrackingError
from forest_fire_retrain.core.records import StoredFile, StoredModel

DESCRIPTION = "MLmodel"
ADDRESS = re.compile(rb"^artifact_path: .*$", re.MULTILINE)
NO_ADDRESS = b"artifact_path: model"

OpenFolder = Callable[[], AbstractContextManager[Path]]


def hash_files(folder: Path) -> tuple[StoredFile, ...]:
    """Every file of a model's folder with the SHA-256 of its bytes, sorted by name; `MLmodel` without its address.

    Raises
    ------
    TrackingError
        If a file cannot be read.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return tuple(StoredFile(name=name, sha256=hashlib.sha256(_content(folder, name)).hexdigest()) for name in names)


def keep_verified(stored: StoredModel, cache: Path, open_folder: OpenFolder) -> Path:
    """A folder below `cache` with exactly the files that the ledger can prove; fetched only where it is not there yet.

    Parameters
    ----------
    stored : StoredModel
        What was recorded.
    cache : Path
        Where verified folders lie; made where it is missing.
    open_folder : callable
        Opens the model's folder as the store holds it now.

    Raises
    ------
    ArtifactTamperedError
        If a file is not as recorded, or is gone; nothing is kept then.
    TrackingError
        If the store cannot be read.
    HomeError
        If the cache cannot be written.
    """
    files = proved_files(stored)
    target = cache / fingerprint_text("\n".join(f"{file.sha256} {file.name}" for file in files))
    if _is_intact(target, files):
        return target
    with open_folder() as folder:
        contents = {file.name: _proved_content(folder, file) for file in files}
    try:
        _put(contents, target)
    except OSError as error:
        msg = f"the verified model cannot be kept in {cache}: {error}. Name another folder: get_model(folder=…)"
        raise HomeError(msg) from error
    if not _is_intact(target, files):
        msg = f"the verified model in {target} changes while it is written; something else writes there"
        raise ArtifactTamperedError(f"{msg}. Name another folder: get_model(folder=…)")
    return target


def proved_files(stored: StoredModel) -> tuple[StoredFile, ...]:
    """The files that the record of a stored model can prove: all of its folder, of an older record the model itself.

    Raises
    ------
    ArtifactTamperedError
        If the record contradicts itself, or names a file outside of the folder.
    """
    model = StoredFile(name=MODEL_FILE, sha256=stored.artifact_sha256)
    files = stored.files or (model,)
    outside = [file.name for file in files if file.name.startswith("/") or ".." in Path(file.name).parts]
    if model not in files or outside:
        msg = f"the record of the model {stored.model_uri} contradicts itself; run: forest-fire verify"
        raise ArtifactTamperedError(msg)
    return files


def find_other_files(stored: StoredModel, folder: Path) -> list[str]:
    """Names of the files in a model's folder that are not as recorded, are gone, or were added."""
    files = proved_files(stored)
    held = {file.name: file.sha256 for file in hash_files(folder)}
    other = {file.name for file in files if held.get(file.name) != file.sha256}
    return sorted(other | (set(held) - {file.name for file in files} if stored.files else set()))


def _proved_content(folder: Path, file: StoredFile) -> bytes:
    try:
        content = _content(folder, file.name)
    except TrackingError as error:
        raise ArtifactTamperedError(str(error)) from error
    observed = hashlib.sha256(content).hexdigest()
    if observed != file.sha256:
        msg = (
            f"the stored model's file {file.name} has the SHA-256 {observed}, but {file.sha256} was recorded; nothing "
            "was loaded. Restore the artifact from a backup, or run: forest-fire verify"
        )
        raise ArtifactTamperedError(msg)
    return content


def _content(folder: Path, name: str) -> bytes:
    """A file's bytes; those of `MLmodel` without the place it lies at."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        msg = f"the stored model's file {name} cannot be read ({error}); run: forest-fire verify"
        raise TrackingError(msg) from error
    return ADDRESS.sub(NO_ADDRESS, content) if name == DESCRIPTION else content


def _is_intact(folder: Path, files: Sequence[StoredFile]) -> bool:
    """Whether the folder holds these files as recorded, no other, and no link."""
    expected = {file.name: file.sha256 for file in files}
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    names = {path.relative_to(folder).as_posix() for path in paths}
    if folder.is_symlink() or any(path.is_symlink() for path in paths) or names != set(expected):
        return False
    return all(sha256_of_file(folder / name) == sha256 for name, sha256 in expected.items())


def _put(contents: dict[str, bytes], target: Path) -> None:
    """Write the files beside and rename their folder; a damaged one makes room, one that another process put stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="part_", dir=target.parent) as beside:
        made = Path(beside) / "made"
        for name, content in contents.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        with suppress(FileNotFoundError):
            shutil.move(target, Path(beside) / "damaged")
        with suppress(FileExistsError):
            made.rename(target)
