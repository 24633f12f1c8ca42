"""Walking a graph back from its save node, to find where each setting goes. Pure.

``links`` moves against the links and ``literals`` follows one value to where it stands; what is found, or why
nothing is, are ``findings``. ``save`` finds the node to begin at, ``samplers`` the chain of samplers behind it.
What that chain is fed find ``texts`` (its encoders), ``strings`` (where an encoder's text is written),
``titles`` (which of two it is), ``latents``, ``tuning`` and ``models``.

Classes that are not known are told by the names and shapes of their inputs. Nothing here fails on an odd
graph: a link to nowhere is no link, and a circle is walked once.
"""
