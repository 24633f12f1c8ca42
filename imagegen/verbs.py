"""The program's commands by name, and where each lives. Nothing of them is imported here.

doit's own commands that we replace are among ours; no job may be called like any of them.
"""

OURS = {
    "run": "imagegen.commands.run:Run",
    "plan": "imagegen.commands.plan:Plan",
    "init": "imagegen.commands.init:Init",
    "list": "imagegen.commands.doits:List",
    "info": "imagegen.commands.doits:Info",
    "forget": "imagegen.commands.doits:Forget",
    "clean": "imagegen.commands.doits:Clean",
    "status": "imagegen.commands.status:Status",
    "validate": "imagegen.commands.validate:Validate",
    "explain": "imagegen.commands.explain:Explain",
    "generate": "imagegen.commands.generate:Generate",
    "doctor": "imagegen.commands.doctor:Doctor",
    "workflow": "imagegen.commands.workflow:Workflow",
    "adopt": "imagegen.commands.adopt:Adopt",
    "restore": "imagegen.commands.restore:Restore",
    "setup": "imagegen.commands.setup:Setup",
    "server": "imagegen.commands.server:Server",
    "storyboard": "imagegen.commands.storyboard:Storyboard",
    "studio": "imagegen.commands.studio:Studio",
    "gallery": "imagegen.commands.gallery:Gallery",
}
"""Ours, name to ``module:class``; plain doit gets them from the project's pyproject.toml."""

DOITS = ("dumpdb", "help", "ignore", "reset-dep", "strace", "tabcompletion")
"""doit's own that stay as they are."""

RESERVED = frozenset({*OURS, *DOITS, "auto"})
