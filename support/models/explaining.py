"""Says in one line why Keras cannot build a model, or cannot draw with it."""

import re

from support.system.errors import InputError, printable

COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # Keras writes in bold for a terminal
PLACE = re.compile(r"Exception encountered when calling (.*?)\.call\(\)\.")


def reason_in(error, before, model=None):
    """Say why a model cannot be built or used; Keras may have wrapped our own reason.

    Args:
        error: The exception.
        before: The beginning of the line, if the reason is not our own.
        model: The Keras model, if there is one: then the line names the layer.

    Returns:
        One line.
    """
    cause = error
    while cause is not None:
        if isinstance(cause, InputError):
            return printable(str(cause))
        cause = cause.__cause__ or cause.__context__
    text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    found = PLACE.search(text)
    place = f" (in {layer_of_kind(found[1], model)})" if found else ""
    return f"{before}{place}: {printable(first_words(text))}"


def layer_of_kind(kind, model):
    """Name the layer of a class, if the model has only one of it."""
    names = [layer.name for layer in model._flatten_layers() if type(layer).__name__ == kind] if model else []
    return f"layer {names[0]!r}, {kind}" if len(names) == 1 else kind


def first_words(text):
    """Return the important part of an error's text: Keras adds general advice and pages of configuration."""
    text = PLACE.sub("", COLOURS.sub("", text)).split("Arguments received by")[0]
    text = " ".join(text.split("Exception encountered:")[-1].split())
    return text if len(text) <= 200 else text[:200] + "..."
