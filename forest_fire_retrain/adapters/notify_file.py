"""Tell people through a file: one JSON object per line, appended, readable by its owner alone."""

import datetime as dt
import json
import os
from pathlib import Path

from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.notices.notice import Notice

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class NoticeFile:
    """Appends notices to a file.

    Parameters
    ----------
    path : Path
        The file; it is made, with its folder, when it is first written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notice: Notice, identity: str, now: dt.datetime) -> None:
        """Append one line; it is on the disk when this returns.

        Raises
        ------
        NotSentError
            If the file cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            self._append(json.dumps(as_json(notice, identity, now)).encode("ascii") + b"\n")
        except OSError as error:
            msg = f"{self._path} cannot be written: {error.strerror}"
            raise NotSentError(msg) from error

    def _append(self, line: bytes) -> None:
        # O_NONBLOCK: a named pipe that nobody reads is an error and no wait
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, PRIVATE_FILE)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            is_cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write((b"\n" if is_cut else b"") + line)
            os.fsync(file.fileno())


def as_json(notice: Notice, identity: str, now: dt.datetime) -> dict[str, object]:
    """A notice as programs read it; instants in ISO format."""
    return {
        "id": identity,
        "kind": str(notice.kind),
        "key": notice.key,
        "is_over": notice.is_over,
        "subject": notice.subject,
        "sentence": notice.sentence,
        "remedy": notice.remedy,
        "at": notice.at.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "sent_at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "ledger_row": notice.row,
    }
