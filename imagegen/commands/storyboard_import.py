"""storyboard import: a script into the storyboard, and a manifest that makes its pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen import errors
from imagegen.commands.storyboard_project import WITHOUT_MODEL, Place, checked_backend
from imagegen.errors import WrongInput, listed
from imagegen.files import from_here, inside, write_whole

if TYPE_CHECKING:
    from imagegen.storyboard.database import Address
    from imagegen.storyboard.planning import Plan
    from imagegen.storyboard.script import Draft

MOST = 20
"""Sentences, and notes, that are told one by one."""


def bring_in(place: Place, file: str, params: Any) -> int:
    """Import the script ``file``; the exit status. Raises WrongInput, and then nothing has changed."""
    address = place.address(params.get("to"))  # first: it says so where the extra is not installed
    from imagegen.storyboard import checking, importing, script
    from imagegen.storyboard.database import open_storyboard

    backend = checked_backend(params.get("with_backend"))
    job = place.free_job(params.get("job"))
    if params.get("project"):
        checking.name("--project", params["project"])
    draft = script.read(Path(file), file)
    dry, prune = bool(params["dry_run"]), bool(params["prune"])
    for note in draft.notes[:MOST]:
        print(f"note: {note}", file=sys.stderr)
    if dry and address.file is not None and not address.file.exists():
        plan, own = importing.planned(None, draft, params.get("project") or draft.name or Path(file).stem), ""
    else:
        board = open_storyboard(address, create=not dry)
        try:
            name = params.get("project") or draft.name or _by_file(importing.names(board), Path(file))
            if not params.get("project") and (other := importing.likely(board, draft, name)):
                raise WrongInput(
                    f'{file} is called "{name}", but most of its sentences are in the project "{other}"',
                    f"--project {json.dumps(other, ensure_ascii=False)} imports it there, "
                    f"--project {json.dumps(name, ensure_ascii=False)} makes a new project of it",
                )
            if dry:
                plan, own = importing.planned(board, draft, name), ""
            else:
                plan, own = importing.bring_in(board, draft, name, prune, place.promised(address))
        finally:
            board.close()
    _tell(plan, address, from_here(Path(file)), own, dry, prune)
    _pictures(place, draft)
    _lead_on(place, address, plan, own, job, backend, dry)
    return errors.DONE


def _by_file(there: Sequence[str], file: Path) -> str:
    """The project of a script that names none: its file's name, unless another project may be meant. Raises
    WrongInput."""
    if file.stem in there or not there:
        return file.stem
    raise WrongInput(
        f"{file.name} names no project, and the storyboard has {listed(there)}",
        f"--project says which is meant, or a new one: --project {json.dumps(file.stem)}",
    )


# --- what was done ----------------------------------------------------------------------------------


def _tell(plan: Plan, address: Address, file: str, own: str, dry: bool, prune: bool) -> None:
    from imagegen.storyboard.listing import count

    done = "would import" if dry else "imported"
    called = f'"{plan.name}"' + (f" ({own})" if own else "")
    if plan.project_id is None:
        roles = f", {count(len(plan.new_characters), 'character')}" if plan.new_characters else ""
        sentences = count(len(plan.steps), "sentence")
        print(f"{done} {file} into {address.shown}: the new project {called}, {sentences}{roles}")
        return
    if plan.is_nothing and not (prune and plan.gone):
        print(f"{called} in {address.shown} is as {file} says: nothing {'would change' if dry else 'changed'}")
    else:
        print(f"{done} {file} into the project {called} of {address.shown}: {_summary(plan, prune)}")
        for step in plan.changed[:MOST]:
            assert step.held is not None
            print(f"  changed  {step.held.name}  {', '.join(key.replace('_', ' ') for key in step.changes)}")
        if len(plan.changed) > MOST:
            print(f"  and {len(plan.changed) - MOST} more")
    _tell_gone(plan, prune, dry)


def _summary(plan: Plan, prune: bool) -> str:
    from imagegen.storyboard.listing import count

    told = [f"{len(plan.added)} added"] if plan.added else []
    told += [f"{len(plan.changed)} changed"] if plan.changed else []
    told += [f"{len(plan.gone)} removed"] if plan.gone and prune else []
    told += ["another order"] if plan.moved else []
    told += [f"the project's {', '.join(key.replace('_', ' ') for key in plan.settings)}"] if plan.settings else []
    roles = len(plan.new_characters) + len(plan.characters)
    told += [count(roles, "character")] if roles else []
    told += ["another order of characters"] if plan.recast else []
    return ", ".join(told)


def _tell_gone(plan: Plan, prune: bool, dry: bool) -> None:
    from imagegen.storyboard.listing import count, shortened

    if not plan.gone:
        return
    some = count(len(plan.gone), "sentence")
    if prune:
        print(f"{'would remove' if dry else 'removed'} {some} that the script no longer has; pictures stay on disk:")
    else:
        print(f"{'would keep' if dry else 'kept'} {some} that the script no longer has (--prune removes them):")
    for line in plan.gone[:MOST]:
        print(f"  {line.name}  {shortened(line.text or line.image_prompt, 60)}")
        if prune and line.image_file:
            print(f"       {line.image_file}")
    if len(plan.gone) > MOST:
        print(f"  and {len(plan.gone) - MOST} more")


def _pictures(place: Place, draft: Draft) -> None:
    """Pictures that the script refers to and that are not there (yet) are told: they go into others."""
    given = [one.given for one in draft.characters] + [one.given for one in draft.sentences]
    named = dict.fromkeys(path for own in given for path in own.get("references", ()))
    lacking = [path for path in named if not (place.folder / path).is_file()]
    for path in lacking[:MOST]:
        print(f"note: there is no {path} yet, to which the script refers", file=sys.stderr)


# --- the manifest -----------------------------------------------------------------------------------


def _lead_on(place: Place, address: Address, plan: Plan, own: str, job: str, backend: str, dry: bool) -> None:
    """Say, or write, what lets `imagegen studio` and `doit` work on the project."""
    had_workflow = (place.folder / plan.whole["workflow"]).is_file()
    if not had_workflow and not dry:
        _write_workflow(place, plan.whole["workflow"])
    draws = not backend and not had_workflow
    if place.file is None:
        _begin(place, address, own, plan.name, job, backend, draws, dry)
        return
    manifest = from_here(place.file)
    there = place.job_of(address, (own or plan.project_id or "", plan.name), only=False)
    if there:
        if backend:
            print(f"note: --backend is for a new manifest; {manifest} has the job {there}", file=sys.stderr)
        return
    print(f"\n{manifest} has no job for it. Add {'below jobs:' if place.has_jobs else 'this:'}\n")
    with_backend = backend or (WITHOUT_MODEL if draws else "")
    print(place.lines(job, address.shown, own or plan.project_id or "", plan.name, with_backend))
    if place.has_items:
        print("\nIts items: and jobs: can't stand side by side: put the items into a job as well.")


def _write_workflow(place: Place, workflow: str) -> None:
    """Put the workflow of new projects where it belongs; any other is the user's to bring, and told."""
    from imagegen.storyboard import default_workflow

    path = place.folder / workflow
    if not workflow:
        return
    if workflow != default_workflow.FILE or not inside(place.folder, path):
        print(f"note: there is no {workflow} yet, the project's workflow: put it there", file=sys.stderr)
        return
    write_whole(path, default_workflow.text())
    print(f"wrote {from_here(path)}")


def _begin(place: Place, address: Address, own: str, name: str, job: str, backend: str, draws: bool, dry: bool) -> None:
    """A new project, where there is none."""
    if dry:
        print(f"would begin a project here: assets.yaml with the job {job}, dodo.py, pyproject.toml, .gitignore")
        return
    for file, is_new in place.begin(job, address.shown, own, name, backend, draws):
        print(f"{'wrote' if is_new else 'left '} {from_here(place.folder / file)}")
    for more in place.left_to_add():
        print(f"\n{more}")
    if draws:
        print("\nThe placeholder draws the pictures, without a model: assets.yaml says how to change that.")
    print(f"\nNext: imagegen studio shows the storyboard; doit {job} makes its pictures")
