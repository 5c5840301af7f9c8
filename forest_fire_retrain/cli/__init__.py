"""The `forest-fire` command: thin commands over the installation; heavy imports stay inside them."""

import gc
import os
import sys
from typing import NoReturn

EXIT_INTERRUPTED = 130


def run() -> NoReturn:
    """Be the process of one command: what `forest-fire` starts.

    Garbage is not looked for while modules are imported; a command that works for long switches that on again
    (`process.collect_garbage`). What modules, classes and threads hold is not taken apart at the end.
    """
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # what it cannot write, it spells
    try:
        from forest_fire_retrain.cli.interruptions import listen  # noqa: PLC0415 - after the lines above
        from forest_fire_retrain.cli.process import exit_code_of, leave  # noqa: PLC0415 - as above

        listen()
        leave(exit_code_of(main))
    except KeyboardInterrupt:
        os.write(2, b"forest-fire: stopped by Ctrl-C before anything was done.\n")
        os._exit(EXIT_INTERRUPTED)


def main() -> None:
    """Run the command; a foreseeable fault is one message and exit code 2, Ctrl-C one and 130, never a traceback.

    Raises
    ------
    SystemExit
        With the exit code.
    """
    from forest_fire_retrain.cli.faults import exit_code_for, say_interrupted  # noqa: PLC0415 - later

    try:
        from forest_fire_retrain.cli.app import app  # noqa: PLC0415 - so that Ctrl-C is caught while it is imported

        code = app(prog_name="forest-fire", standalone_mode=False)
        if code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            code = say_interrupted()
    except BaseException as fault:
        code = exit_code_for(fault)
        if code is None:
            raise
    raise SystemExit(code if isinstance(code, int) else 0) from None
