"""gallery: the contact sheet as a folder of static HTML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.commands.plan import warned
from imagegen.errors import WrongInput
from imagegen.session import open_session


class Gallery(Plain):
    doc_purpose = "write the contact sheet as a folder of static HTML"
    doc_usage = "FOLDER [JOB|JOB:SLUG ...]"
    doc_description = (
        "Every image with its verdict and reasons, seed and backend, for a CI's artifacts. Needs no server and changes "
        "no picture. An earlier gallery in the folder is replaced; a folder with anything else in it is refused."
    )
    cmd_options = (
        options.ASSETS,
        options.ALLOW,
        options.option("full", "full", "copy the pictures themselves; else a click shows a smaller version", type=bool),
    )

    def work(self, params: Any, names: list[str]) -> int:
        if not names:
            raise WrongInput("gallery wants a folder to write to", "imagegen gallery build/gallery")
        from imagegen.gallery import writing  # draws pictures

        session = open_session(options.wishes(params))
        warned(session)
        items = session.select(names[1:])
        moving = sys.stderr.isatty()

        def said(done: int) -> None:
            if moving and (done % 25 == 0 or done == len(items)):
                print(f"\r{done} of {len(items)}", end="" if done < len(items) else "\n", file=sys.stderr, flush=True)

        count = writing.write(session, items, Path(names[0]), bool(params["full"]), said)
        session.close()
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        print(f"{Path(names[0]) / 'index.html'} shows {pictures} of {len(items)} images")
        return errors.DONE
