"""Models that the manifest lists, brought onto this machine.

``declared`` reads them from the manifest, ``inventory`` says which are there, ``places`` where they go.
``fetching`` brings one: ``wire`` asks for it by the rules of ``urls`` and ``tokens``, ``part`` holds what has come,
``answers`` decides what an answer means. ``licences`` knows the pages, ``showing`` the bar.
"""
