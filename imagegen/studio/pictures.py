"""The routes of pictures: targets, previous versions, candidates, references, previews. A path names a task and
never a file: which file that is the manifest says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.convertors import Convertor, register_url_convertor

from imagegen import previous, thumbnails
from imagegen.items import Item
from imagegen.studio import candidates
from imagegen.studio.project import Project
from imagegen.studio.refusal import Refused
from imagegen.studio.serving_pictures import may_be_served, served

if TYPE_CHECKING:
    from imagegen.studio.running import Studio


class _Count(Convertor[int]):
    """A number in an address: Starlette's own takes thousands of digits, and fails at them."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("count", _Count())


def item_of(project: Project, task: str) -> Item:
    """The item called ``task``. Raises Refused."""
    view = project.view
    number = view.number(task)
    if number is None:
        raise Refused(404, f'there is no image "{task}"', "it may have left assets.yaml")
    return view.items[number]


def roots(project: Project) -> Sequence[Path]:
    """The folders that pictures may be served from."""
    return (project.folder, *project.options.allow)


def _size(request: Request) -> int:
    """The thumbnail's longer side by ``?size=``. Raises Refused for any but ours: each makes a file."""
    wanted = request.query_params.get("size", str(thumbnails.SIZE))
    sizes = {str(size): size for size in thumbnails.SIZES}
    if wanted not in sizes:
        raise Refused(400, f'there are no thumbnails of size "{wanted}"', f"there are {', '.join(sizes)}")
    return sizes[wanted]


def router(studio: Studio) -> APIRouter:
    routes = APIRouter()
    project = studio.project

    def shown(request: Request, path: Path | None) -> Response:
        found = served(request, path, roots(project))
        if found is None:
            raise Refused(404, "there is no such picture", "")
        return found

    def small(request: Request, path: Path | None) -> Response:
        """The thumbnail of a picture, in the size asked for; the picture itself where none can be made."""
        size = _size(request)
        try:
            if path is None or not may_be_served(path, roots(project)) or not path.is_file():
                return shown(request, None)
            return shown(request, thumbnails.thumbnail(project.folder, path, size) or path)
        except OSError:  # it has just gone, or .imagegen can't be written
            return shown(request, path)

    def target(task: str) -> Path:
        return project.folder / item_of(project, task).target

    def version(task: str, number: int) -> Path | None:
        kept = previous.versions(project.folder, item_of(project, task).target)
        return next((path for path in kept if int(path.stem) == number), None)

    @routes.get("/pictures/{task:path}")
    def picture(request: Request, task: str) -> Response:
        return shown(request, target(task))

    @routes.get("/thumbnails/{task:path}")
    def thumbnail(request: Request, task: str) -> Response:
        return small(request, target(task))

    @routes.get("/previous/{task:path}/{number:count}")
    def earlier(request: Request, task: str, number: int) -> Response:
        return shown(request, version(task, number))

    @routes.get("/previous/{task:path}/{number:count}/thumbnail")
    def earlier_small(request: Request, task: str, number: int) -> Response:
        return small(request, version(task, number))

    @routes.get("/candidates/{task:path}/thumbnail")
    def candidate_small(request: Request, task: str) -> Response:
        return small(request, candidates.path(project.folder, item_of(project, task).target))

    @routes.get("/candidates/{task:path}")
    def candidate_picture(request: Request, task: str) -> Response:
        return shown(request, candidates.path(project.folder, item_of(project, task).target))

    @routes.get("/references/{task:path}/{number:count}")
    def reference(request: Request, task: str, number: int) -> Response:
        used = item_of(project, task).ingredients
        return shown(request, project.folder / used[number].path if 0 <= number < len(used) else None)

    @routes.get("/previews/{task:path}")
    def preview(request: Request, task: str) -> Response:
        found = studio.hub.activities.get(item_of(project, task).task)
        return shown(request, found.preview if found else None)

    return routes
