"""doit's way in: `doit` makes the images of assets.yaml, as `imagegen run` does."""

from imagegen.loader import Dodo

images = Dodo()
DOIT_CONFIG = images.config
