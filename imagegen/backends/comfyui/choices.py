"""What a server knows: are the checkpoints, samplers and schedulers in use among it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegen.backends.base import Order, Refusal
from imagegen.backends.comfyui.client import Client, Refused, options
from imagegen.backends.comfyui.models import same_name
from imagegen.errors import listed, nearest

NODE_OF = {
    "checkpoint": ("CheckpointLoaderSimple", "ckpt_name"),
    "sampler": ("KSampler", "sampler_name"),
    "scheduler": ("KSampler", "scheduler"),
}
"""For each setting that is a choice: the node and its input that list what can be chosen."""


def known_to(client: Client) -> dict[str, Sequence[str]]:
    """For each setting of NODE_OF what the server offers. Raises Passing or Refused."""
    sampling = client.object_info("KSampler")
    return {
        "checkpoint": _checkpoints(client),
        "sampler": options(sampling, "sampler_name"),
        "scheduler": options(sampling, "scheduler"),
    }


def _checkpoints(client: Client) -> Sequence[str]:
    try:
        return client.models("checkpoints")
    except Refused as error:
        if error.status_code != 404:
            raise
        node, name = NODE_OF["checkpoint"]  # a server from before /models
        return options(client.object_info(node), name)


def spellings(choices: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """(setting, the name with ``/``) → the server's own spelling."""
    return {(setting, same_name(name)): name for setting, known in choices.items() for name in known}


def refusals(orders: Sequence[Order], choices: Mapping[str, Sequence[str]], server: str) -> list[Refusal]:
    """What of the orders the server does not know, one refusal a setting and value, with the choices."""
    own = spellings(choices)
    wrong: dict[tuple[str, str], list[str]] = {}
    for order in orders:
        for setting in NODE_OF:
            value = order.recipe[setting]
            if (setting, same_name(value)) not in own:
                wrong.setdefault((setting, value), []).append(order.task)
    return [
        Refusal(
            tuple(tasks),
            setting,
            f'{setting} "{value}" is not known to {server}',
            f"it has {listed(nearest(value, choices[setting]))}",
        )
        for (setting, value), tasks in wrong.items()
    ]
