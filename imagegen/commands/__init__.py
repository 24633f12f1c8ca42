"""One file a verb. :mod:`imagegen.verbs` names them; nothing imports them all."""
