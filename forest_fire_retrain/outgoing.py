"""What leaves this process as text: nothing of it holds a secret that the process knows.

Whoever prints, logs or hands text to Dagster or MLflow goes through `cleared`. The secrets are those in the process's
variables and those that settings read from a file.
"""

import os
from collections.abc import Collection, Iterable

from forest_fire_retrain.core.redaction import redact, redact_tree, secrets_of

_of_settings: set[str] = set()


def remember(secrets: Iterable[str]) -> None:
    """Know `secrets` from now on: values that were read from a file, which no variable holds."""
    _of_settings.update(secrets)


def known_secrets() -> set[str]:
    """Every value that must not leave."""
    return _of_settings | secrets_of(os.environ)


def cleared(text: str, secrets: Collection[str] | None = None) -> str:
    """`text` without secrets; who says many texts at once looks up `known_secrets` once and hands them in."""
    return redact(text, known_secrets() if secrets is None else secrets)


def cleared_tree(value: object, secrets: Collection[str] | None = None) -> object:
    """Mappings and lists whose texts hold no secrets; `secrets` as above."""
    return redact_tree(value, known_secrets() if secrets is None else secrets)
