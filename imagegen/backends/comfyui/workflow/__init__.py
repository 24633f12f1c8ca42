"""Workflows: files that ComfyUI wrote, and where an image's settings go in them. Pure, without a server.

``api`` is the format that a server takes; ``nodes`` what is known of node classes. ``ui`` converts what
the page's plain Save writes; ``bindings`` finds where each setting goes; ``loras`` and ``pictures``
change a graph.
"""
