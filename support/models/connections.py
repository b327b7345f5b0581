"""How the layers of a functional model are connected in a file, checked: whose output each takes, and how."""

from support.models.allowed import NotAllowed
from support.models.plain_values import dtype_name, plain_value, safe_name


def unique_names(names):
    """Map names of layers to safe ones that differ from each other."""
    safe, taken = {}, set()
    for name in names:
        plain = candidate = safe_name(name)
        number = 1
        while candidate in taken:
            candidate, number = f"{plain}_{number}", number + 1
        taken.add(candidate)
        safe[name] = candidate
    return safe


def renamed(value, names):
    """Copy lists of references `[layer, call, output]`, with the layers' safe names."""
    if isinstance(value, dict):
        return {str(key): renamed(inner, names) for key, inner in value.items()}
    if not isinstance(value, list):
        raise NotAllowed("the model's inputs or outputs are not what Keras writes")
    if len(value) == 3 and isinstance(value[0], str):
        return reference(value, names)
    return [renamed(inner, names) for inner in value]


def reference(value, names):
    """Check a reference to the output of a layer."""
    name, number, output = value
    if name not in names or type(number) is not int or type(output) is not int or number < 0 or output < 0:
        raise NotAllowed(f"the model refers to a layer that it does not have: {safe_name(name)!r}")
    return [names[name], number, output]


def call(node, names, layer):
    """Check how a layer is called: with which tensors, and with which other arguments."""
    name = names[layer["name"]]
    if isinstance(node, list):  # as Keras 2 writes it: [[layer, call, output, keywords], ...]
        return [
            [
                *reference(value[:3], names),
                {key: argument(inner, names, name) for key, inner in keywords(value).items()},
            ]
            for value in node
        ]
    arguments = [argument(value, names, name) for value in node["args"]]
    named = {key: argument(value, names, name) for key, value in node.get("kwargs", {}).items()}
    if not holds_tensor([arguments, *named.values()]):  # it would be computed at once, however large it is
        raise NotAllowed(f"layer {name!r} takes nothing that another layer makes")
    return {"args": arguments, "kwargs": named}


def holds_tensor(value):
    """Say whether there is a tensor among the arguments of a call."""
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__" or any(map(holds_tensor, value.values()))
    return isinstance(value, list) and any(map(holds_tensor, value))


def keywords(value):
    """Return the keyword arguments of a call in Keras 2's form."""
    return value[3] if len(value) > 3 and isinstance(value[3], dict) else {}


def argument(value, names, name):
    """Check an argument of a call: a tensor, a list of tensors, or a plain value."""
    if isinstance(value, list):
        return [argument(inner, names, name) for inner in value]
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value["config"]
        history = reference(inner["keras_history"], names)
        shape = [side if side is None else int(side) for side in inner["shape"]]
        described = {"shape": shape, "dtype": dtype_name(inner["dtype"], name), "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": described}
    return plain_value(value, name)
