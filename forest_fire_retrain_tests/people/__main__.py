"""`python -m forest_fire_retrain_tests.people`: five people's tasks on a real home, by documented commands alone."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from forest_fire_retrain_tests.people.documented import UndocumentedError
from forest_fire_retrain_tests.people.stories import play
from forest_fire_retrain_tests.people.telling import NotSeenError, begin, say


def main() -> int:
    """Play the tasks; exit code 1 if one of the people did not get to see what the task needs."""
    parser = argparse.ArgumentParser(prog="people", description=__doc__)
    parser.add_argument("--work", type=Path, help="folder in which the park is made")
    parser.add_argument("--keep", action="store_true", help="leave it for looking at")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="forest_fire_people_", dir=asked.work)).resolve()
    try:
        play(folder)
    except (NotSeenError, UndocumentedError) as failed:
        begin("A task could not be done")
        say(str(failed))
        return 1
    finally:
        if asked.keep:
            say("", f"The park is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    begin("All five tasks were done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
