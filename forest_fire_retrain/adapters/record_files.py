"""Step records as JSON files: one folder per kind and partition, one file per record, none overwritten."""

import os
import re
from pathlib import Path

from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.core.fingerprints import fingerprint_text
from forest_fire_retrain.core.records import Record

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,80}")


class RecordFiles:
    """Records below one folder, `<kind>/<partition>/<number>-<hash>.json`.

    Parameters
    ----------
    root : Path
        The folder; created when first written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, kind: str, partition_key: str, record: Record) -> None:
        """Store `record` as the newest of its kind and partition (the same again changes nothing)."""
        text, folder = record.model_dump_json(), self._folder(kind, partition_key)
        _remove_left_overs(folder)
        if self.newest(kind, partition_key) == text:
            return
        folder.mkdir(parents=True, exist_ok=True)
        last = max((path.name for path in folder.glob("*.json")), default="0-")
        number = int(last.split("-")[0]) + 1
        name = f"{number:06d}-{fingerprint_text(text)[:12]}.json"
        temporary = folder / f"{name}.{os.getpid()}.part"
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(folder / name)
        finally:
            temporary.unlink(missing_ok=True)

    def newest(self, kind: str, partition_key: str) -> str | None:
        """JSON text of the newest record of that kind and partition, if any."""
        files = sorted(self._folder(kind, partition_key).glob("*.json"))
        return files[-1].read_text(encoding="utf-8") if files else None

    def _folder(self, kind: str, partition_key: str) -> Path:
        for part in (kind, partition_key):
            if not PLAIN_NAME.fullmatch(part):
                msg = f"{part!r} is no plain name; records are kept under letters, digits, '_', '.' and '-' only"
                raise ConfigurationError(msg)
        return self._root / kind / partition_key


def _remove_left_overs(folder: Path) -> None:
    """Remove what a process that is gone had begun to write."""
    for path in folder.glob("*.json.*.part"):
        try:
            os.kill(int(path.suffixes[-2].removeprefix(".")), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (PermissionError, ValueError):  # somebody else's process, or no file of ours
            continue
