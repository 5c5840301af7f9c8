"""Pictures of the UI as files of the home, each stored once: Dagster's store keeps their addresses.

Rules
-----
- A picture of a partition is called by its content and never changes: `pictures/SHA256.png`, 32 digits of it.
- What is shown at once, in the description of an asset, has a name and is always the newest: `pictures/NAME.png`.
- An address is the path under the web UI, not a path of the disk: a home that moves keeps its pictures. What
  `forest-fire up` serves answers it; where another web server serves Dagster, the files can be opened by their names.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from forest_fire_retrain.adapters.atomic_files import written_beside

ROUTE = "/pictures"
CHAMPION, MAP = "champion", "map"
DIGITS = 32


class PictureFiles(NamedTuple):
    """The pictures of a home.

    Attributes
    ----------
    folder : pathlib.Path
        Where they lie.
    """

    folder: Path

    def keep(self, png: bytes) -> dg.MetadataValue:
        """Store a picture under its content; a link to it.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        name = hashlib.sha256(png).hexdigest()[:DIGITS]
        if not (self.folder / f"{name}.png").exists():
            self.replace(name, png)
        return dg.MetadataValue.url(address_of(name))

    def replace(self, name: str, png: bytes) -> None:
        """Let the picture `name` be this one from now on.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with written_beside(self.folder / f"{name}.png") as beside:
            beside.write_bytes(png)


def address_of(name: str) -> str:
    """Where the web UI answers with a picture."""
    return f"{ROUTE}/{name}.png"


def shown_at_once(name: str, alternative: str) -> str:
    """A picture in the description of an asset, where it is seen without a click; as markdown."""
    return f"\n\n![{alternative}]({address_of(name)})"
