"""A foreseeable fault in a run as Dagster's `Failure`: the run page shows its message first, and what to do next."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import dagster as dg

from forest_fire_retrain.core.errors import REFUSED, ForestFireRetrainError, RefusedRequestError
from forest_fire_retrain.outgoing import cleared

Given = ParamSpec("Given")
Made = TypeVar("Made")

NEXT_COMMAND = re.compile(r"forest-fire [a-z][a-z-]*(?: (?:--?)?[\w-]+)*")


class Stopped(dg.Failure):
    """What stopped a run, in the words of the fault behind it; whoever runs a command is told that fault.

    Parameters
    ----------
    fault : ForestFireRetrainError
        What cannot be done as it is.
    """

    __module__ = "builtins"  # the page writes the class before the message, with its module unless that is Python's own

    def __init__(self, fault: ForestFireRetrainError) -> None:
        message = cleared(str(fault))  # Dagster keeps it
        commands = NEXT_COMMAND.findall(message)
        metadata = {"next command": dg.MetadataValue.text(commands[-1])} if commands else {}
        if isinstance(fault, RefusedRequestError):
            metadata[REFUSED] = dg.MetadataValue.text("nothing was changed")
        super().__init__(description=message, metadata=metadata, allow_retries=False)
        self.fault = fault


def foreseen(compute: Callable[Given, Made]) -> Callable[Given, Made]:
    """The function of an asset, check or op, whose foreseeable faults stop the run with their message alone."""
    if inspect.isgeneratorfunction(compute):
        generate: Callable[..., Iterator[Any]] = compute

        @functools.wraps(compute)
        def yielding(*args: object, **kwargs: object) -> Iterator[Any]:
            with faults_as_failures():
                yield from generate(*args, **kwargs)

        return yielding  # type: ignore[return-value] # a generator function like the one given

    @functools.wraps(compute)
    def calling(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with faults_as_failures():
            return compute(*args, **kwargs)

    return calling


def find_fault(error: BaseException | None) -> ForestFireRetrainError | None:
    """The foreseeable fault behind an error, also behind the wrappers that Dagster puts around what fails."""
    while error is not None:
        if isinstance(error, Stopped):
            return error.fault
        if isinstance(error, ForestFireRetrainError):
            return error
        error = error.__cause__
    return None


@contextmanager
def faults_as_failures() -> Iterator[None]:
    """Raise a foreseeable fault of the block as what Dagster shows without its own wrappers.

    Raises
    ------
    Stopped
        If there was one.
    """
    try:
        yield
    except ForestFireRetrainError as fault:
        raise Stopped(fault) from None
    except dg.DagsterError as error:  # of a resource that cannot be made
        found = find_fault(error)
        if found is None:
            raise
        raise Stopped(found) from None
