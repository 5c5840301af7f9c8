"""Five people's tasks, one after the other in one park, by documented commands alone.

Rules
-----
- Each task says what the person does, types it, and fails when the answer does not show what the person needs.
- Later tasks live with what earlier ones left, as people do.
"""

import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from forest_fire_retrain_tests.people.park import WEEK, deliver, lose_decimal_point, settings_of
from forest_fire_retrain_tests.people.telling import Answer, NotSeenError, Terminal, begin, tell

FIRST, LAST = dt.date(2025, 7, 7), dt.date(2025, 7, 21)
"""First and last period that are decided before the first task begins."""
BAD = LAST + WEEK
KEPT_OUT = BAD + WEEK
THAWED = KEPT_OUT + WEEK
FROZEN_UNTIL = THAWED + dt.timedelta(days=1)
"""A freeze covers the periods that end before its day; that of `KEPT_OUT` ends the day before."""
ASKED_DAY = BAD - dt.timedelta(days=2)
NOBODY = "Nothing needs a person."
WITHOUT_NETWORK = ("unshare", "--net", "--map-root-user")


class Park:
    """The installation of these people: its home, the department's folder, and what day it is.

    Parameters
    ----------
    folder : Path
        An empty folder for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.delivery, self.alerts = (folder / name for name in ("home", "delivery", "alerts.jsonl"))

    def terminal(self, day: dt.date, home: Path | None = None) -> Terminal:
        """A terminal on the morning of `day`, of the home or of another one."""
        return Terminal(self.folder, settings_of(home or self.home, self.delivery, self.alerts, day))

    def told(self) -> list[str]:
        """The notices so far: kind, and whether something is over."""
        lines = self.alerts.read_text(encoding="utf-8").splitlines() if self.alerts.exists() else []
        notices = [json.loads(line) for line in lines]
        return [f"over: {notice['kind']}" if notice["is_over"] else notice["kind"] for notice in notices]


def play(folder: Path) -> None:
    """All five tasks in an empty folder.

    Raises
    ------
    NotSeenError
        If a person did not get to see what the task needs.
    UndocumentedError
        If a person would have to type what no page lists.
    """
    park = Park(folder)
    settle(park)
    mend_failed_night(park)
    roll_back_bad_champion(park)
    explain_past_prediction(park)
    restore_elsewhere(park)
    check_pack_offline(park)


def settle(park: Park) -> None:
    """Decide three periods, so that there is a past."""
    begin("A park of six cells, whose first three weeks are decided")
    deliver(park.delivery, BAD)
    terminal = park.terminal(BAD)
    terminal.types(f"forest-fire backfill --from {FIRST} --to {LAST}").shows("3 decisions recorded")
    terminal.types("forest-fire status --check").shows(NOBODY)
    terminal.types("forest-fire notify")


def mend_failed_night(park: Park) -> None:
    """A delivery is broken; the run of the night fails, is found, told once, mended and told to be over."""
    begin("1. A failed night run, found and mended")
    terminal = park.terminal(KEPT_OUT)
    deliver(park.delivery, KEPT_OUT)
    spoiled = lose_decimal_point(park.delivery)
    tell(f"In the department a humidity loses its decimal point: {spoiled}")
    tell("At 06:00 the schedule fires, and nobody is there.")
    terminal.night(f"{KEPT_OUT}T06:00").shows(f"The run of {BAD} failed")
    tell("In the morning cron asks whether anybody is needed.")
    needed = terminal.types("forest-fire status --check", code=1)
    needed.shows(f"retraining_job of {BAD} failed", "weather.csv", "rel_humidity_pct", "260", "allowed 0 to 100")
    tell("Whoever is on duty is told, once.")
    before = len(park.told())
    terminal.types("forest-fire notify").shows("file: 1 sent")
    terminal.types("forest-fire notify").shows("file: 0 sent")
    expect(park.told()[before:], ["run_failed"])
    tell("The department delivers again, with the point in its place; the period is retrained.")
    deliver(park.delivery, KEPT_OUT)
    terminal.types("forest-fire retrain").shows("1 decision recorded, 1 promotion; champion: version 4")
    terminal.types("forest-fire status --check").shows(NOBODY)
    terminal.types("forest-fire notify").shows("file: 2 sent")
    expect(park.told()[before:], ["run_failed", "promotion", "over: run_failed"])


def roll_back_bad_champion(park: Park) -> None:
    """The new champion missed fires; the one before it comes back, and the bad one stays out."""
    begin("2. A bad champion, rolled back and kept out")
    terminal = park.terminal(KEPT_OUT)
    tell("Two fires began where the map was green. Who said so, and since when?")
    terminal.types("forest-fire champion").shows("version 4", str(BAD))
    tell("The version before it comes back, and nothing is promoted until somebody has looked.")
    order = f'forest-fire rollback --reason "missed two fires" --freeze-until {FROZEN_UNTIL}'
    terminal.types(order).shows("Version 3 is champion, version 4 is quarantined", f"frozen until {FROZEN_UNTIL}")
    terminal.types("forest-fire champion").shows("version 3", "missed two fires")
    terminal.types("forest-fire history").shows("missed two fires")
    terminal.types("forest-fire history --retrainings").shows("rolled back")
    tell("A week later the next period is decided, and the version that was rolled back stays out.")
    deliver(park.delivery, THAWED)
    later = park.terminal(THAWED)
    later.types("forest-fire retrain").shows("0 promotions; champion: version 3", "frozen")
    later.types("forest-fire status").shows(f"frozen until {FROZEN_UNTIL}")
    later.types("forest-fire verify").shows("No fault")
    later.types("forest-fire notify")
    expect(park.told()[-1:], ["rollback"])
    tell("The freeze is over, and the week after is decided by the evidence again: by another version, never by 4.")
    deliver(park.delivery, THAWED + WEEK)
    thawed = park.terminal(THAWED + WEEK)
    thawed.types("forest-fire retrain").hides("champion: version 4")
    thawed.types("forest-fire verify").shows("No fault")


def explain_past_prediction(park: Park) -> None:
    """A day that nobody predicted is predicted as it would have been, found again, and explained."""
    begin("3. A past prediction, explained")
    terminal = park.terminal(THAWED + WEEK)
    tell(f"A mayor asks what the model said of {ASKED_DAY}. Nobody had asked it on the day.")
    said = terminal.types(f"forest-fire predict --date {ASKED_DAY} --retro").shows("retro")
    cell = next(word for word in said.text.split() if word.startswith("C0"))
    terminal.types(f"forest-fire predictions --date {ASKED_DAY}").shows("retro", str(ASKED_DAY))
    tell(f"Why was {cell} the highest?")
    line = f"forest-fire explain --cell {cell} --date {ASKED_DAY} --html why.html"
    terminal.types(line).shows(
        f"({cell}) on {ASKED_DAY}", "to the bit", "What it is made up of", "The page is in why.html"
    )
    page = (park.folder / "why.html").read_text(encoding="utf-8")
    if cell not in page or "<script" in page or "http://" in page.replace("http://www.w3.org", ""):
        msg = "why.html is no page that needs nothing else"
        raise NotSeenError(msg)


def restore_elsewhere(park: Park) -> None:
    """The home comes back on another path; the original is not touched."""
    begin("4. A home, restored on another path")
    day = THAWED + WEEK
    terminal = park.terminal(day)
    tell("Every night the ledger is backed up, and the home is copied.")
    champion = champion_in(terminal.types("forest-fire champion --json"))
    terminal.types("forest-fire ledger backup ledger.backup").shows("ledger.backup")
    terminal.shell("cp -a home copied")
    terminal.shell("mkdir elsewhere")
    terminal.shell("mv copied elsewhere/restored")
    tell("On the new disk the ledger did not arrive whole. The original stays as it is from here on.")
    before = fingerprints(park.home)
    restored = park.folder / "elsewhere" / "restored"
    ledger = restored / "ledger.duckdb"
    ledger.write_bytes(ledger.read_bytes()[:4096])
    moved = park.terminal(day, restored)
    moved.types("forest-fire verify", code=1).shows("forest-fire ledger restore BACKUP")
    moved.types("forest-fire ledger restore ledger.backup").shows("rows of the backup", "is kept as")
    moved.types("forest-fire verify").shows("No fault")
    expect(champion_in(moved.types("forest-fire champion --json")), champion)
    moved.types(f"forest-fire predict --date {ASKED_DAY + dt.timedelta(days=1)} --retro").shows("retro")
    expect(fingerprints(park.home), before)


def check_pack_offline(park: Park) -> None:
    """An auditor, who has a pack, a checkpoint from before, no home and no network, checks a decision."""
    begin("5. An auditor's pack, checked offline")
    terminal = park.terminal(THAWED + WEEK)
    tell("The auditor keeps a checkpoint from now on, and asks for the proof of a decision.")
    terminal.types("forest-fire witness --append checkpoints.txt")
    line = f"forest-fire evidence {BAD} --out proof.zip --against checkpoints.txt"
    terminal.types(line).shows("proof.zip")
    desk = park.folder / "auditor"
    desk.mkdir()
    for name in ("proof.zip", "checkpoints.txt"):
        shutil.move(park.folder / name, desk)
    auditor = Terminal(desk, {}, before=WITHOUT_NETWORK if can_go_offline() else ())
    tell("At the auditor's desk there is neither an installation nor a network.")
    check = "forest-fire evidence --check proof.zip --against checkpoints.txt"
    found = auditor.types(check).shows("PROMOTED", "continues the checkpoint", "It does not prove")
    found.hides("WRONG")
    expect(sorted(path.name for path in desk.iterdir()), ["checkpoints.txt", "proof.zip"])
    tell("A pack in which one word was changed is refused.")
    change_word(desk / "proof.zip", desk / "changed.zip")
    refused = auditor.types("forest-fire evidence --check changed.zip", code=1)
    refused.shows("its content does not match its hash", "nothing of it can be believed")


def champion_in(answer: Answer) -> object:
    """Who was champion by `champion --json`, without the moment at which it was asked."""
    return json.loads(answer.text)["champion"]


def change_word(pack: Path, changed: Path) -> None:
    """Write the pack again with one word changed in the rows that promoted."""
    with zipfile.ZipFile(pack) as whole, zipfile.ZipFile(changed, "w") as written:
        for item in whole.infolist():
            content = whole.read(item)
            is_row = item.filename.startswith("rows/")
            written.writestr(item, content.replace(b"Promoted", b"Rejected", 1) if is_row else content)


def expect(found: object, wanted: object) -> None:
    """Refuse what is not as it has to be.

    Raises
    ------
    NotSeenError
        If it is not.
    """
    if found != wanted:
        msg = f"found {found}, and not {wanted}"
        raise NotSeenError(msg)


def fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def can_go_offline() -> bool:
    """Whether this machine lets a process leave the network."""
    return (
        shutil.which("unshare") is not None
        and not subprocess.run((*WITHOUT_NETWORK, "true"), capture_output=True, check=False, env=os.environ).returncode
    )
