"""Read stored models without running anything that is not on this list.

A model's file and its metadata are data: the list of types that MLflow stores beside a model comes
from whoever wrote the model, so it is never used for loading.
"""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import skops.io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from forest_fire_retrain.core.errors import ArtifactTamperedError, TrackingError
from forest_fire_retrain.core.risk_model import RiskModel

MODEL_FILE = "model.skops"
TRUSTED_TYPES = (
    "forest_fire_retrain.core.risk_model.RiskModel",
    "forest_fire_retrain.core.risk_model.RowwiseLogisticRegression",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
CHUNK_BYTES = 1 << 20
MAX_PARSED = 2

_parsed: dict[str, RiskModel] = {}
"""Models by the SHA-256 of their bytes, the one that was asked for last at the end: the champion is scored period after
period, each candidate only in its own."""


def load_verified(path: Path, *, expected_sha256: str) -> RiskModel:
    """The risk model in `path`, whose bytes are checked before any of them is interpreted.

    Parameters
    ----------
    path : Path
        A skops file.
    expected_sha256 : str
        SHA-256 recorded when the model was stored, in hexadecimal.

    Raises
    ------
    ArtifactTamperedError
        If the bytes are others than those recorded; nothing is loaded then.
    TrackingError
        If the file cannot be read, or holds something else than a risk model of trusted types.
    """
    content = _read(path)
    observed = hashlib.sha256(content).hexdigest()
    if observed != expected_sha256:
        msg = (
            f"the stored model {path.name} has the SHA-256 {observed}, but {expected_sha256} was recorded; it was not "
            "loaded. Restore the artifact from a backup, or run: forest-fire verify"
        )
        raise ArtifactTamperedError(msg)
    model = _parsed.pop(observed, None) or _parse(path, content)
    while len(_parsed) >= MAX_PARSED:
        del _parsed[next(iter(_parsed))]
    _parsed[observed] = model  # behind those that were asked for before it
    return model


def _read(path: Path) -> bytes:
    """The file's bytes, read once: those that were checked are those that are interpreted."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error})") from error


def _parse(path: Path, content: bytes) -> RiskModel:
    try:
        model = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except (UntrustedTypesFoundException, UnsupportedTypeException) as error:
        raise _unreadable(path, f"holds types that are not trusted: {error}") from error
    except (OSError, BadZipFile, KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise _unreadable(path, f"cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(model, RiskModel):
        raise _unreadable(path, f"holds a {type(model).__name__}, expected a RiskModel")
    return model


def sha256_of_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal.

    Raises
    ------
    TrackingError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error})") from error
    return digest.hexdigest()


def _unreadable(path: Path, what: str) -> TrackingError:
    return TrackingError(
        f"the stored model {path.name} {what}. It was written under other package versions or by something else; "
        "run: forest-fire verify"
    )
