"""What people are told without asking: one notice, who carries it, and what was told before.

Rules
-----
- A notice has a key; the same thing seen again has the same key. A channel is told a key once.
- What others wrote (reasons, messages of errors) stands in notices: every text is one line without characters that
  control a terminal, a header or the direction of reading.
- A channel is noted as told after it took the notice. A process that is killed in between tells it again with the same
  identity, by which whoever receives it can drop the repeat.
"""

import datetime as dt
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import NamedTuple, Protocol

from forest_fire_retrain.core.canonical_json import fingerprint_text

IDENTITY_LENGTH = 32
LONGEST_SUBJECT, LONGEST_TEXT = 120, 2000
BREAKING = {"Zl", "Zp"}
"""Unicode's line and paragraph separators; control and format characters are of the group C."""


class RowNotice(StrEnum):
    """What a notice about a row of the ledger is about."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    ABANDONMENT = "abandonment"
    SHADOW_TIME = "shadow_time"
    SHADOW_DROPPED = "shadow_dropped"
    GUARDRAIL = "guardrail"
    LABELS_DOUBTED = "labels_doubted"
    DOUBTS_LIFTED = "doubts_lifted"
    LABELS_CLEARED = "labels_cleared"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    SHADOW = "shadow"
    SHADOW_ENDED = "shadow_ended"
    REGISTRY = "registry"
    REPAIR = "repair"


class Notice(NamedTuple):
    """One thing that people are told.

    Attributes
    ----------
    kind : str
        A `RowNotice`, a `MatterKind`, or `test`.
    key : str
        Names this occurrence.
    subject : str
        A few words.
    sentence : str
        What happened or is observed, with figures.
    remedy : str
        The next command, or where to look; empty where there is nothing to do.
    at : datetime.datetime
        When it was recorded, or first seen.
    row : int, optional
        The ledger row that it is about.
    matter : str, optional
        Key of the matter that it is about.
    is_over : bool
        Whether it says that nothing of its kind is open any more.
    """

    kind: str
    key: str
    subject: str
    sentence: str
    remedy: str
    at: dt.datetime
    row: int | None = None
    matter: str | None = None
    is_over: bool = False

    def identity(self, home: str) -> str:
        """What a repeat of this notice is recognised by; `home` names the installation."""
        return fingerprint_text(f"{home}|{self.key}")[:IDENTITY_LENGTH]


class Told(NamedTuple):
    """A notice that a channel took: its kind and key, the matter it was about, if any, and what it said."""

    kind: str
    key: str
    matter: str | None
    is_over: bool
    sentence: str


class Baseline(NamedTuple):
    """From where on a channel is told of rows: those behind the first `n_rows`, or recorded after `began_at`."""

    began_at: dt.datetime
    n_rows: int


class Notifier(Protocol):
    """A way to reach people."""

    def send(self, notice: Notice, identity: str, now: dt.datetime) -> None:
        """Hand `notice` over.

        Parameters
        ----------
        notice : Notice
            What to tell.
        identity : str
            What a repeat is recognised by; it is in the message.
        now : datetime.datetime
            The present, UTC.

        Raises
        ------
        NotSentError
            If it was not taken in time; the message holds no secret.
        """
        ...


class Channel(NamedTuple):
    """A notifier and the name under which is kept what it was told."""

    name: str
    notifier: Notifier


class NoticeMemory(Protocol):
    """What each channel was told; it outlives the process."""

    def exclusive(self) -> AbstractContextManager[bool]:
        """Be the only one who tells until the block ends; false if another process is telling."""
        ...

    @property
    def home(self) -> str:
        """A name of this installation that no other has."""
        ...

    def baseline(self, channel: str) -> Baseline | None:
        """From where on the channel is told; `None` of one that is new."""
        ...

    def begin(self, channel: str, baseline: Baseline) -> None:
        """Note from where on a new channel is told."""
        ...

    def told(self, channel: str) -> list[Told]:
        """What the channel was told, in its order."""
        ...

    def note_told(self, channel: str, notice: Notice, now: dt.datetime) -> None:
        """Note that the channel took a notice; it is on the disk when this returns."""
        ...

    def note_failure(self, channel: str, why: str, now: dt.datetime) -> None:
        """Note why the channel did not take a notice; the next one that it takes ends that."""
        ...


def make_notice(
    *,
    kind: str,
    key: str,
    subject: str,
    sentence: str,
    remedy: str,
    at: dt.datetime,
    row: int | None = None,
    matter: str | None = None,
    is_over: bool = False,
) -> Notice:
    """A notice whose texts are one line each."""
    return Notice(
        kind=kind,
        key=one_line(key, LONGEST_TEXT),
        subject=one_line(subject, LONGEST_SUBJECT),
        sentence=_as_sentence(one_line(sentence, LONGEST_TEXT)),
        remedy=one_line(remedy, LONGEST_TEXT),  # without a full stop, for it may end with an address
        at=at,
        row=row,
        matter=matter,
        is_over=is_over,
    )


def one_line(text: str, longest: int) -> str:
    """`text` with a space for every run of blanks and control, format and separating characters, cut to `longest`."""
    plain = " ".join("".join(" " if _breaks(letter) else letter for letter in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"


def find_new(notices: Sequence[Notice], told: Sequence[Told], baseline: Baseline) -> list[Notice]:
    """Notices about rows that the channel was not told and that are not older than it.

    A row counts as new by its place or by its time: after a backup is put back, new rows take the places of old ones.
    """
    known = {before.key for before in told}
    return [
        notice
        for notice in notices
        if notice.key not in known
        and ((notice.row is not None and notice.row > baseline.n_rows) or notice.at > baseline.began_at)
    ]


def _breaks(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category.startswith("C") or category in BREAKING


def _as_sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."
