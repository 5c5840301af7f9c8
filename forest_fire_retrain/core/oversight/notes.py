"""What a home notes of its own upkeep: when it was verified last and what was found, when it was witnessed last."""

import datetime as dt

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.records import Record


class Verification(Record):
    """The last `verify`.

    Attributes
    ----------
    verified_at : datetime.datetime
        When, UTC.
    n_faults : int
        Faults that remained.
    first_fault : str, optional
        The first of them in one line.
    fingerprint : str
        SHA-256 over all of them: the same faults found again have the same.
    """

    verified_at: dt.datetime
    n_faults: int
    first_fault: str | None
    fingerprint: str

    @classmethod
    def of(cls, faults: list[str], verified_at: dt.datetime) -> "Verification":
        """What to note of a `verify` that found these faults, each in one line."""
        return cls(
            verified_at=verified_at,
            n_faults=len(faults),
            first_fault=faults[0] if faults else None,
            fingerprint=fingerprint_text("\n".join(sorted(faults))),
        )

    def __str__(self) -> str:
        """One line."""
        found = "no fault" if not self.n_faults else f"{counted(self.n_faults, 'fault')}, the first: {self.first_fault}"
        return f"{self.verified_at.isoformat(timespec='seconds')}: {found}"


class Witnessed(Record):
    """The last checkpoint that somebody asked this home for.

    Attributes
    ----------
    witnessed_at : datetime.datetime
        When, UTC.
    n_rows : int
        Rows of the ledger that it covers.
    """

    witnessed_at: dt.datetime
    n_rows: int

    def __str__(self) -> str:
        """One line."""
        return f"{self.witnessed_at.isoformat(timespec='seconds')}: {counted(self.n_rows, 'row')}"
