"""The `forest-fire` command: thin commands over the installation; heavy imports stay inside them."""

import gc
import sys
from typing import NoReturn

from forest_fire_retrain.core.errors import ForestFireRetrainError

EXIT_BAD_INPUT = 2


def run() -> NoReturn:
    """Be the process of one command: what `forest-fire` starts.

    Garbage is not looked for while modules are imported; a command that works for long switches that on again
    (`process.collect_garbage`). What modules, classes and threads hold is not taken apart at the end.
    """
    gc.disable()
    from forest_fire_retrain.cli.process import exit_code_of, leave  # noqa: PLC0415 - after the line above

    leave(exit_code_of(main))


def main() -> None:
    """Run the command; a foreseeable fault is one message and exit code 2, never a traceback."""
    from forest_fire_retrain.cli.app import app  # noqa: PLC0415 - after the exit codes it needs

    try:
        app(standalone_mode=True)
    except ForestFireRetrainError as error:
        print(f"forest-fire: {error}", file=sys.stderr)  # noqa: T201 - this is the command's own voice
        raise SystemExit(EXIT_BAD_INPUT) from None
