"""The `forest-fire` command: thin commands over the installation; heavy imports stay inside them."""

import sys

from forest_fire_retrain.core.errors import ForestFireRetrainError

EXIT_BAD_INPUT = 2


def main() -> None:
    """Run the command; a foreseeable fault is one message and exit code 2, never a traceback."""
    from forest_fire_retrain.cli.app import app  # noqa: PLC0415 - after the exit codes it needs

    try:
        app(standalone_mode=True)
    except ForestFireRetrainError as error:
        print(f"forest-fire: {error}", file=sys.stderr)  # noqa: T201 - this is the command's own voice
        raise SystemExit(EXIT_BAD_INPUT) from None
