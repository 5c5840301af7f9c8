"""What leaves this process as text: nothing of it holds a secret that the process knows.

Whoever prints, logs or hands text to Dagster or MLflow goes through `cleared`. The secrets are those in the process's
variables and those that settings read from a file.
"""

import os
from collections.abc import Iterable

from forest_fire_retrain.core.redaction import redact, redact_tree, secrets_of

_of_settings: set[str] = set()


def remember(secrets: Iterable[str]) -> None:
    """Know `secrets` from now on: values that were read from a file, which no variable holds."""
    _of_settings.update(secrets)


def known_secrets() -> set[str]:
    """Every value that must not leave."""
    return _of_settings | secrets_of(os.environ)


def cleared(text: str) -> str:
    """`text` without secrets."""
    return redact(text, known_secrets())


def cleared_tree(value: object) -> object:
    """Mappings and lists whose texts hold no secrets."""
    return redact_tree(value, known_secrets())
