"""Errors a person has to act on, grouped by who acts.

Every message says what failed, the observed figure against the allowed one, where, and the next
command to run. A fault that nobody can act on is a bug and stays an ordinary exception.
"""

from collections.abc import Sequence

from forest_fire_retrain.core.plain_text import one_line
from forest_fire_retrain.core.redaction import redact

MAX_LISTED = 20


class ForestFireRetrainError(Exception):
    """Base of every foreseeable fault; its text is complete without a traceback, and holds no secret of an address."""

    def __init__(self, *said: object) -> None:
        super().__init__(*(redact(part) if isinstance(part, str) else part for part in said))


class ConfigurationError(ForestFireRetrainError):
    """A setting is wrong or contradicts another: whoever runs the installation acts."""


class UnknownPartitionError(ForestFireRetrainError):
    """A partition key names no closed retraining period: whoever typed the command acts."""


class RefusedRequestError(ForestFireRetrainError):
    """What a person asked for cannot be done as asked, and nothing was changed: whoever typed the command acts."""


REFUSED = "refused as asked"
"""What a run says of itself that was stopped by a refused request."""


class InputContractError(ForestFireRetrainError):
    """The source data breaks the data contract: whoever delivers the data acts.

    Parameters
    ----------
    where : str
        The folder or source that was read.
    violations : sequence of str
        One sentence each, naming file, column, rows and limit.
    """

    def __init__(self, where: str, violations: Sequence[str]) -> None:
        self.where = where
        self.violations = tuple(violations)
        shown = "\n".join(f"  - {one_line(violation)}" for violation in self.violations[:MAX_LISTED])
        hidden = len(self.violations) - MAX_LISTED
        more = f"\n  … and {hidden} more" if hidden > 0 else ""
        n_violations = f"{len(self.violations)} violation{'' if len(self.violations) == 1 else 's'}"
        super().__init__(
            f"{where}: {n_violations} of the data contract; nothing was written.\n"
            f"{shown}{more}\nCorrect the data and run the same command again."
        )

    def __reduce__(self) -> tuple[type["InputContractError"], tuple[str, tuple[str, ...]]]:
        """Made again from its parts, so that it comes back whole from a worker process."""
        return type(self), (self.where, self.violations)


class OtherSourceError(ForestFireRetrainError):
    """The rows of another source would be mixed into a home, and nothing was written: the operator acts."""


class ShrunkDeliveryError(ForestFireRetrainError):
    """A delivery no longer says much of what an earlier one said, and nothing was written: the operator acts."""


class EvidenceError(ForestFireRetrainError):
    """A window holds too little or contradictory data to train or judge on."""


class NotReproducedError(ForestFireRetrainError):
    """What was said once cannot be said again to the bit, so that nothing is explained: the operator acts."""


class HomeError(ForestFireRetrainError):
    """The installation's own files, or Dagster's store among them, cannot be read or written: the operator acts."""


class WorkerLostError(ForestFireRetrainError):
    """A process that worked for this one was killed: the operator acts."""


class LakeError(ForestFireRetrainError):
    """A table of the lake is missing, unreadable or not writable: the operator acts."""


class TrackingError(ForestFireRetrainError):
    """MLflow tracking cannot be reached or refused a write: the operator acts."""


class RegistryError(ForestFireRetrainError):
    """The model registry cannot be reached, or says something else than was written to it."""


class ArtifactTamperedError(RegistryError):
    """A stored model's bytes do not have the SHA-256 that the ledger recorded."""


class LedgerError(ForestFireRetrainError):
    """The ledger cannot be read or written: the operator acts."""


class LedgerLockedError(LedgerError):
    """Another process holds the ledger longer than the configured patience."""


class LedgerTamperedError(LedgerError):
    """The hash chain is broken: rows were edited, removed, inserted or reordered."""


class ProofError(ForestFireRetrainError):
    """A checkpoint, a key or an evidence pack is none, or cannot be read or written: whoever keeps it acts."""


class NotSentError(ForestFireRetrainError):
    """A channel did not take a notice: whoever runs it acts. The message holds no password or secret."""


def list_capped(values: Sequence[object], limit: int = 5) -> str:
    """Sort and join `values`, naming at most `limit` of them and counting the rest."""
    ordered = sorted(one_line(str(value)) for value in values)
    hidden = len(ordered) - limit
    return ", ".join(ordered[:limit]) + (f" and {hidden} more" if hidden > 0 else "")
