"""One JSON text for one value, and SHA-256 over texts: what ledger rows and names are hashed by."""

import hashlib
import json
from collections.abc import Mapping


def canonical_json(value: object) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN.

    Raises
    ------
    ValueError
        If `value` holds a NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def fingerprint_text(text: str) -> str:
    """SHA-256 of `text` as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_mapping(value: Mapping[str, object]) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return fingerprint_text(canonical_json(value))
