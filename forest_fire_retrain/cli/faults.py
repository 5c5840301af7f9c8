"""How a command ends that did not succeed: one message, and the exit code.

Rules
-----
- A foreseeable fault, wrong use, a limit of the machine: one message that says what stands and what to do, exit code 2.
- Ctrl-C: one line, exit code 130, as a shell expects it; also where it came out as another fault.
- Whatever else is raised is a fault of this project: it keeps its traceback.

Needs no library: what they raise is told by its name, or by what Python's own errors it is made of.
"""

import errno
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from forest_fire_retrain.cli import EXIT_INTERRUPTED
from forest_fire_retrain.cli.interruptions import was_heard
from forest_fire_retrain.cli.speech import NAME, complain
from forest_fire_retrain.core.errors import ForestFireRetrainError

EXIT_BAD_INPUT = 2
INTERRUPTIONS = frozenset({"KeyboardInterrupt", "Abort", "DagsterExecutionInterruptedError"})
WRONG_USE = "ClickException"
ONLY_HELP = "NoArgsIsHelpError"
READING = frozenset(
    {
        *(
            "status",
            "history",
            "champion",
            "skill",
            "quality",
            "predictions",
            "explain",
            "reproduce",
            "verify",
            "witness",
        ),
        *("evidence", "backtest", "report", "notify", "score", "ledger backup"),
    }
)
"""Commands that decide nothing."""

REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "free disk space",
    errno.EDQUOT: "free disk space, or have the quota raised",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "end programs that hold many files open",
    errno.ENOMEM: "free memory",
    errno.EACCES: "correct the permissions",
    errno.EPERM: "correct the permissions",
    errno.EROFS: "make the file system writable",
}
LESS_MEMORY = "Free memory, or lower FOREST_FIRE_N_PROCESSES or FOREST_FIRE_TRAINING_WINDOW_DAYS, then run"
STANDS = "What was decided before stands"
READ = "nothing was changed"
BEGUN = "what was decided before stands, and the next run finishes what this one began"
PANIC = re.compile(r"os error (?P<plain>\d{1,3})\)|Os \{ code: (?P<struct>\d{1,3}),")
NO_ROOM = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
"""What the loader says of a library for which there is no memory."""


def exit_code_for(fault: BaseException) -> int | None:
    """Say what `fault` means, and the exit code; `None` if it is no fault that anybody could foresee."""
    if isinstance(fault, SystemExit):
        return fault.code if isinstance(fault.code, int) else 0 if fault.code is None else 1
    if INTERRUPTIONS & _kinds(fault) or was_heard():
        return say_interrupted()
    if isinstance(fault, ForestFireRetrainError):
        complain(_describe_memory(fault) or str(fault))
        return EXIT_BAD_INPUT
    message = _describe_wrong_use(fault) if WRONG_USE in _kinds(fault) else _describe_limit(fault)
    if message is None:
        return None
    if message:
        complain(message)
    return EXIT_BAD_INPUT


def say_interrupted() -> int:
    """Say that Ctrl-C ended the command, and what stands; the exit code. Further ones no longer disturb the end."""
    with suppress(ValueError):  # outside of the main thread nothing can be set, nor does Ctrl-C come
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    complain(f"stopped by Ctrl-C; {READ if command_typed() in READING else BEGUN}. To go on, run: {again()}")
    return EXIT_INTERRUPTED


def again() -> str:
    """The command as it was typed."""
    return shlex.join([NAME, *sys.argv[1:]])


def command_typed() -> str:
    """The words that name the command which this process is."""
    words = [word for word in sys.argv[1:3] if word.replace("-", "").isalpha() and not word.startswith("-")]
    return " ".join(words if words[:1] == ["ledger"] else words[:1])


def chain_of(fault: BaseException | None) -> Iterator[BaseException]:
    """`fault`, what it was made of, and what that was made of."""
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = getattr(fault, "user_exception", None) or fault.__cause__ or fault.__context__


def _kinds(fault: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(fault).__mro__}


def _describe_wrong_use(fault: BaseException) -> str:
    """What is wrong with the words typed; empty where only help was asked for, which is shown then."""
    if ONLY_HELP in _kinds(fault):
        fault.show()  # type: ignore[attr-defined] # every such error can show itself
        return ""
    context = getattr(fault, "ctx", None)
    path = NAME if context is None else context.command_path
    said: str = fault.format_message()  # type: ignore[attr-defined] # as above
    return f"{said.rstrip('.')}. See: {path} --help"


def _describe_memory(fault: BaseException) -> str | None:
    """That memory is short, if that is what an error was made of."""
    for part in chain_of(fault):
        is_short = isinstance(part, MemoryError) or "OutOfMemoryException" in _kinds(part)
        if is_short or (isinstance(part, ImportError) and any(said in str(part) for said in NO_ROOM)):
            return f"there is not enough memory. {STANDS}. {LESS_MEMORY}: {again()}"
    return None


def _describe_limit(fault: BaseException) -> str | None:
    """Which limit of the machine was met, of those that an error can be made of; `None` if none was."""
    short = _describe_memory(fault)
    if short is not None:
        return short
    for part in chain_of(fault):
        if isinstance(part, RuntimeError) and "can't start new thread" in str(part):
            return f"no further thread can be started. {STANDS}. Raise the limit (ulimit -u), then run: {again()}"
        refused = _refusal_in(part)
        if refused is not None and refused.errno is not None:
            return _describe_refusal(refused)
    if isinstance(fault, OverflowError) and "date" in str(fault):
        return "a day is too near an end of the calendar; nothing was changed. Give another one"
    if isinstance(fault, UnicodeError):
        return f"a text cannot be read or written: {fault}. {STANDS}. Give it in UTF-8, then run: {again()}"
    return None


def _refusal_in(part: BaseException) -> OSError | None:
    """What the system refused, also where native code that panicked says so in its own words."""
    if isinstance(part, OSError):
        return part
    told = PANIC.search(str(part)) if "PanicException" in _kinds(part) else None
    if told is None:
        return None
    number = int(told["plain"] or told["struct"])
    return OSError(number, os.strerror(number))


def _describe_refusal(refused: OSError) -> str:
    where = "" if refused.filename is None else f" ({refused.filename})"
    remedy = REMEDIES.get(refused.errno or 0, "correct that")
    return f"{refused.strerror or refused}{where}. {STANDS}. {remedy[0].upper()}{remedy[1:]}, then run: {again()}"
