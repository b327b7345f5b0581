"""Checks a model's configuration against the tables in `allowed.py`, before Keras sees it.

What comes out names only entries of these tables, with settings that are numbers, words and lists. Settings that only
training reads are left out: initializers, regularizers, constraints.
"""

import inspect

import keras
from keras import layers

from support.models.allowed import (
    CODE_LAYERS,
    FUNCTIONS,
    LAYERS,
    OPERATIONS,
    OTHER_NAMES,
    NotAllowed,
    Weightless,
    operation,
)
from support.models.keras_2 import MODELS, keras_2_hard_sigmoid

NOT_NEEDED = ("_initializer", "_regularizer", "_constraint")  # ends of settings that only training reads
SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim")  # an axis of the weights
MOST_CALLS = 3000  # of layers; the largest published generators have 1000
SLACK = 100_000  # numbers that Keras keeps beside the weights: states of dropout, vectors of spectral normalization


def entry(name, config):
    """Return an object in Keras 3's form, for one of the names in `MADE`."""
    return {"module": "allowed", "class_name": name, "config": config, "registered_name": f"allowed>{name}"}


class Allowed:
    """Checks the configuration of one file.

    Args:
        weights: The arrays in the file: the model may not ask for more.
    """

    def __init__(self, weights):
        self.weightless = Weightless.for_file(sum(array.size for array in weights) + SLACK)
        self.longest = max([1, *(side for array in weights for side in array.shape)])
        self.calls = 0

    def model(self, found, times=1):
        """Check a model. Returns it in words that `keras.saving.deserialize_keras_object` builds with `MADE`.

        Args:
            found: Its configuration in Keras 3's words.
            times: How often it is called.

        Raises:
            NotAllowed: If it holds what is in no table, or is too large.
        """
        config = found["config"]
        if found["class_name"] == "Sequential":
            made = [self.layer(layer, times) for layer in with_input(config)]
            return entry("Sequential", {"name": safe_name(config.get("name")), "layers": made} | trainable(config))
        names = unique_names(layer["name"] for layer in config["layers"])
        made = []
        for layer in config["layers"]:
            nodes = layer["inbound_nodes"]
            built = self.layer(layer, times * max(1, len(nodes)), names[layer["name"]])
            made.append(
                built | {"name": names[layer["name"]], "inbound_nodes": [call(node, names, layer) for node in nodes]}
            )
        ends = {key: renamed(config[key], names) for key in ("input_layers", "output_layers")}
        return entry("Functional", {"name": safe_name(config.get("name")), "layers": made} | trainable(config) | ends)

    def layer(self, found, times, name=None):
        """Check a layer, a step or a nested model. Returns it in the words of `MADE`."""
        self.calls += times
        if self.calls > MOST_CALLS:
            raise NotAllowed(f"the model has more than {MOST_CALLS} layers, counted as often as they are called")
        kind, config = found["class_name"], found["config"]
        if kind in MODELS:
            return self.model(found, times)
        name = name or safe_name(config.get("name", found.get("name")))
        if is_operation(found):
            return entry("Step", {"function": kind, "settings": settings_of_a_step(kind, config, name), "name": name})
        known = OTHER_NAMES.get(kind, kind)
        if known not in LAYERS:
            raise NotAllowed(no_such_layer(kind, name))
        made = getattr(layers, known)
        taken = settings_taken_by(made)
        settings = {}
        for key, value in config.items():
            if key.endswith(NOT_NEEDED) or key in ("name", "dtype"):
                continue
            if key in taken:
                settings[key] = self.setting(key, value, name, times)
            elif value not in (None, False, [], {}, ""):
                raise NotAllowed(f"layer {name!r} ({kind}) has a setting that Keras does not know: {key[:40]}")
        if kind == "Addons>InstanceNormalization":
            settings["groups"] = -1  # a group for each channel
        if kind == "InputLayer":
            settings = input_without_batch(settings, config)
        if "dtype" in config and (dtype := dtype_name(config["dtype"], name)) is not None:
            settings["dtype"] = dtype
        settings |= {key: self.weightless for key in taken if key.endswith("_initializer")}
        return entry(known, settings | {"name": name})

    def setting(self, key, value, name, times):
        """Check one setting of a layer."""
        if "activation" in key:
            return self.activation(value, name, times)
        if isinstance(value, dict) and isinstance(value.get("class_name"), str) and value["class_name"][:2] != "__":
            return self.layer(value, times)  # the layer in a wrapper
        if key in SIZES and isinstance(value, int) and value > self.longest:
            raise NotAllowed(f"layer {name!r} asks for {key} {value:,}, and the file has no weights of that size")
        return plain_value(value, name)

    def activation(self, value, name, times):
        """Check an activation: a name, a function or a layer that is used as one."""
        if isinstance(value, dict):
            inner, kind = value.get("config"), value.get("class_name")
            if kind == "function" or inner is None or isinstance(inner, str):
                value = inner if isinstance(inner, str) else kind
            elif kind in LAYERS or kind in MODELS:
                return self.layer(value, times)
            else:
                value = value.get("registered_name") or kind
        value = "linear" if value is None else str(value).split(">")[-1]
        if value == "keras_2_hard_sigmoid":
            return keras_2_hard_sigmoid
        if value not in FUNCTIONS:
            raise NotAllowed(
                f"layer {name!r} has the activation {value[:60]!r}, which is none of Keras'; other code is never run"
            )
        return value


def with_input(config):
    """List the layers of a Sequential, with an input in front if the file only says on which shape it was built."""
    found, shape = config["layers"], config.get("build_input_shape")
    if not found or found[0]["class_name"] == "InputLayer" or found[0]["class_name"] in MODELS or not shape:
        return found
    return [{"class_name": "InputLayer", "config": {"name": "noise", "batch_shape": shape}}, *found]


# ---- Names ----


def safe_name(name):
    """Return a layer's name without anything that means something in a path or a terminal."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_-.") else "_" for letter in str(name or "layer")
    )
    return plain.strip(".")[:80] or "layer"


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


def is_operation(found):
    """Say whether an entry of a functional model is a function of keras.ops; Add and others are layers, too."""
    kind, module = found["class_name"], found.get("module")
    if kind not in OPERATIONS:
        return False
    if module is not None:
        return str(module).startswith("keras.src.ops.")
    return kind not in LAYERS or "trainable" not in found["config"]  # a layer's settings in a .h5 file have it


def no_such_layer(kind, name):
    """Say why a layer is not taken."""
    if kind in CODE_LAYERS or kind == "__lambda__":
        return (
            f"layer {name!r} ({kind}) carries program code, and code out of a file is never run; "
            "build that step from plain layers and save again"
        )
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return (
            f"layer {name!r} calls a TensorFlow function, which only Keras 2 can rebuild; "
            "replace it by a layer (Reshape, Activation, Add, ...) and save again"
        )
    return (
        f"layer {name!r} is a {str(kind)[:60]}, which is no layer of Keras {keras.__version__} that draws pictures; "
        "only models made of Keras' own layers can be opened"
    )


# ---- Settings ----


def trainable(config):
    """Keep `trainable`: it decides in which order a nested model's weights stand in a `.h5` file."""
    return {"trainable": config["trainable"]} if isinstance(config.get("trainable"), bool) else {}


def settings_taken_by(made):
    """List the settings that a class of Keras takes."""
    names = {"name", "dtype", "trainable"}
    for ancestor in made.__mro__:
        if ancestor is layers.Layer:
            break
        names |= set(inspect.signature(ancestor.__init__).parameters)
    return names - {"self", "args", "kwargs"}


def input_without_batch(settings, config):
    """Describe an input for any number of pictures, also where the file fixes the length of a batch."""
    shape = settings.get("batch_shape") or config.get("batch_input_shape")
    if not isinstance(shape, list) or not shape:
        raise NotAllowed("an input has no shape")
    return {"batch_shape": [None, *shape[1:]]}


def dtype_name(value, name):
    """Return the name of a dtype or of a policy for dtypes; None for the default."""
    if isinstance(value, dict):
        value = value.get("config", {}).get("name")
    if value is None:
        return None
    if str(value).split("_")[-1] not in (
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int32",
        "int64",
        "uint8",
        "bool",
    ):
        raise NotAllowed(f"layer {name!r} computes in {str(value)[:40]!r}; expected is float32 or a mixed precision")
    return value


def settings_of_a_step(kind, config, name):
    """Check the settings of a function of keras.ops."""
    taken = inspect.signature(operation(kind)).parameters
    settings = {key: plain_value(value, name) for key, value in config.items() if key in taken and key != "dtype"}
    if "dtype" in taken and isinstance(config.get("dtype"), str):  # a dictionary is the policy that all operations have
        settings["dtype"] = dtype_name(config["dtype"], name)
    return settings


def plain_value(value, name):
    """Check that a setting consists of numbers, words, lists and Keras' own ways to write slices and arrays."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if isinstance(value, int) and abs(value) > 2**31:
            raise NotAllowed(f"layer {name!r} has a setting of {value:.1e}, which is too large")
        return value
    if isinstance(value, list):
        return [plain_value(inner, name) for inner in value]
    if not isinstance(value, dict):
        raise NotAllowed(f"layer {name!r} has a setting that is no number, word or list")
    kind = value.get("class_name")
    if kind is None:
        return {str(key): plain_value(inner, name) for key, inner in value.items()}
    inner = value.get("config") or {}
    if kind == "__ellipsis__":
        return {"class_name": kind, "config": {}}
    if kind == "__slice__":
        return {"class_name": kind, "config": {key: plain_value(inner[key], name) for key in ("start", "stop", "step")}}
    if kind in ("__numpy__", "__tensor__"):
        return {
            "class_name": kind,
            "config": {"value": plain_value(inner["value"], name), "dtype": dtype_name(inner["dtype"], name)},
        }
    raise NotAllowed(f"layer {name!r} has a setting of the kind {str(kind)[:60]!r}; expected are numbers and words")


# ---- Calls ----


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
    return {
        "args": arguments,
        "kwargs": {key: argument(value, names, name) for key, value in node.get("kwargs", {}).items()},
    }


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
