"""imagegen: a Make for image assets."""

__version__ = "0.1.0"
