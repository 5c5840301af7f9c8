"""What custody needs of the outside world: a ledger that is only appended to, a model registry, a key to sign with."""

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry
from forest_fire_retrain.core.ledger.known_hashes import KnownHashes
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.records import Candidate

IsSigned = Callable[[bytes, bytes, bytes], bool]
"""Whether, of a public key, a text and a signature, the last is that key's over the text."""


class Signer(Protocol):
    """A private key; what it signs, whoever has its public key can check."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others check signatures with.

        Raises
        ------
        ProofError
            If the key cannot be read, or not be made.
        """
        ...

    def sign(self, text: bytes) -> bytes:
        """The signature over `text`; the same text has the same.

        Raises
        ------
        ProofError
            If the key cannot be read, or not be made.
        """
        ...


class RegisteredVersion(NamedTuple):
    """One version in the registry.

    Attributes
    ----------
    version : int
        Its number.
    mlflow_run_id : str
        The run that it says it comes from.
    tags : mapping
        Its tags.
    source : str
        The model that it says it is.
    stage : str
        Its stage; empty where it has none, as all versions that this project registers.
    created_at : datetime.datetime, optional
        When it was registered.
    """

    version: int
    mlflow_run_id: str
    tags: Mapping[str, str]
    source: str = ""
    stage: str = ""
    created_at: dt.datetime | None = None
    description: str = ""


class Registry(Protocol):
    """The model registry: versions, tags and the alias `champion`; one step per method."""

    def champion(self, model_name: str) -> int | None:
        """Version the alias `champion` points at, if any."""
        ...

    def versions(self, model_name: str) -> list[RegisteredVersion]:
        """All versions, oldest first; empty if the model is unknown."""
        ...

    def register(self, model_name: str, candidate: Candidate, decision_id: str, description: str) -> int:
        """Register the candidate's model for `decision_id`; the same decision again finds the same version."""
        ...

    def tag(self, model_name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        ...

    def describe(self, model_name: str, version: int, description: str) -> None:
        """Set what people read of a version, in Markdown."""
        ...

    def address(self, model_name: str, version: int) -> str | None:
        """Where whoever loads the version by name and number, or by alias, is led to; `None` if nothing says so."""
        ...

    def is_mendable(self, model_name: str, version: int) -> bool:
        """Whether `reinstate` could make a version what the ledger says, lost or not."""
        ...

    def reinstate(
        self, model_name: str, version: int, candidate: Candidate, decision_id: str, description: str
    ) -> None:
        """Make `version` what it was registered as, under its own number; its other tags stay.

        Raises
        ------
        RegistryError
            If the registry cannot do that; see `is_mendable`.
        """
        ...

    def point_champion(self, model_name: str, version: int) -> None:
        """Move the alias and read it back.

        Raises
        ------
        RegistryError
            If the alias does not point at `version` afterwards.
        """
        ...


class Ledger(Protocol):
    """The append-only record of every decision and registry change."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Be the only writer until the block ends; re-entrant.

        Raises
        ------
        LedgerLockedError
            If another process keeps the lock longer than the configured patience.
        """
        ...

    def append(self, draft: EntryDraft) -> LedgerEntry:
        """Seal `draft` behind the last row and write it in one transaction.

        Raises
        ------
        LedgerTamperedError
            If the ledger lost rows, see `refuse_lost_rows`, or its last row was changed.
        """
        ...

    def many_appends(self) -> AbstractContextManager[None]:
        """Within the block each row is durable when `append` returns; what it costs does not grow with the ledger.

        What the store tidies up behind a row is done once, at the end of the block.
        """
        ...

    def refuse_lost_rows(self) -> None:
        """Refuse to go on if rows that were exported or signed are not in the ledger any more.

        Raises
        ------
        LedgerTamperedError
            If so; nothing was written.
        """
        ...

    def entries(self, model_name: str | None = None) -> list[LedgerEntry]:
        """Rows in order of their sequence, of one model or of all."""
        ...

    def hashes(self) -> KnownHashes:
        """The hashes of all rows, in order of their sequence, and the tree over them; to be read, not changed."""
        ...

    def state(self, model_name: str) -> LedgerState:
        """What the rows of a model come to, as `fold` says it; it costs what is new, and is the caller's own."""
        ...

    def read_afresh(self, model_name: str | None = None) -> list[LedgerEntry]:
        """As `entries`, from the rows as they are stored now, whatever was read before: for what proves something."""
        ...
