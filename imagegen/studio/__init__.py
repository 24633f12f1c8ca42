"""The studio: one page over a project, in step with everything that builds in it.

The optional extra ``imagegen[studio]`` brings what is imported here; the core imports this package only in the
commands that start it. ``project.py`` knows the manifest and its verdicts, ``watching.py`` keeps them current,
``hub.py`` tells the pages what happens, ``builder.py`` makes images for the jobs; the rest are routes.
"""
