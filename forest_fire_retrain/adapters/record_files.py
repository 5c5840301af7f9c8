"""Step records as JSON files, one folder per kind and partition, and pages by their own hash; none is overwritten."""

import re
from pathlib import Path

from forest_fire_retrain.adapters.atomic_files import remove_left_overs, written_beside
from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.errors import ConfigurationError, HomeError
from forest_fire_retrain.core.records import Record

PAGES = "decision_page"
DIGEST = re.compile(r"[0-9a-f]{64}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,80}")


class RecordFiles:
    """Records below one folder, `<kind>/<partition>/<number>-<hash>.json`; pages as `decision_page/<hash>.html`.

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
        remove_left_overs(folder)
        if self.newest(kind, partition_key) == text:
            return
        folder.mkdir(parents=True, exist_ok=True)
        last = max((path.name for path in folder.glob("*.json")), default="0-")
        number = int(last.split("-")[0]) + 1
        name = f"{number:06d}-{fingerprint_text(text)[:12]}.json"
        with written_beside(folder / name) as beside:
            beside.write_text(text, encoding="utf-8")

    def newest(self, kind: str, partition_key: str) -> str | None:
        """JSON text of the newest record of that kind and partition, if any."""
        files = sorted(self._folder(kind, partition_key).glob("*.json"))
        return files[-1].read_text(encoding="utf-8") if files else None

    def keep_page(self, page: str) -> str:
        """Keep a decision's page under its own SHA-256, which is returned; one that is kept is not touched."""
        digest, folder = fingerprint_text(page), self._root / PAGES
        path = folder / f"{digest}.html"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with written_beside(path) as beside:
                beside.write_text(page, encoding="utf-8", newline="")
        return digest

    def page(self, sha256: str) -> str | None:
        """What is kept under that SHA-256, whatever it has become since; `None` if nothing is."""
        path = self._root / PAGES / f"{sha256}.html"
        if not DIGEST.fullmatch(sha256) or not path.exists():
            return None
        try:
            return path.read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise HomeError(msg) from error

    def _folder(self, kind: str, partition_key: str) -> Path:
        for part in (kind, partition_key):
            if not PLAIN_NAME.fullmatch(part):
                msg = (
                    f"{part!r} is not a plain name; records are kept under letters, digits, '_', '.', '+' and '-' only"
                )
                raise ConfigurationError(msg)
        return self._root / kind / partition_key
