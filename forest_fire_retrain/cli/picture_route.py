"""The pictures of a home under the web UI's address, for who serves Dagster's pages."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from forest_fire_retrain.defs.picture_files import ROUTE

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.types import Scope


class FreshFiles(StaticFiles):
    """Files that a browser asks for again each time; it is told when its copy is still the newest."""

    def file_response(
        self, full_path: "str | os.PathLike[str]", stat_result: os.stat_result, scope: "Scope", status_code: int = 200
    ) -> "Response":
        """The file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_pictures(app: "Starlette", folder: Path) -> None:
    """Let the web UI `app` answer with the pictures of `folder`, ahead of its own pages."""
    folder.mkdir(parents=True, exist_ok=True)
    app.router.routes.insert(0, Mount(ROUTE, FreshFiles(directory=folder), name="pictures"))
