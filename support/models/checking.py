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
from support.models.connections import call, renamed, unique_names
from support.models.keras_2 import MODELS, keras_2_hard_sigmoid
from support.models.plain_values import dtype_name, plain_value, safe_name

NOT_NEEDED = ("_initializer", "_regularizer", "_constraint")  # ends of settings that only training reads
SIZES = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim")  # an axis of the weights
WITHOUT_EFFECT = ("name", "dtype", "unroll")  # the first two are read elsewhere; unrolled steps only take longer
MOST_CALLS = 1500  # of layers; the largest published generators have 1000
RECURRENT = ("GRU", "LSTM", "SimpleRNN")  # each takes a loop, and as long to start as ten others
TOO_MANY = f"the model has more than {MOST_CALLS} layers, counted as often as they are called, recurrent ones tenfold"
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
        if len(config["layers"]) > MOST_CALLS:  # before anything that takes long with many
            raise NotAllowed(TOO_MANY)
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
        kind, config = found["class_name"], found["config"]
        self.calls += times * 10 if kind in RECURRENT else times
        if self.calls > MOST_CALLS:
            raise NotAllowed(TOO_MANY)
        if kind in MODELS:
            return self.model(found, times)
        name = name or safe_name(config.get("name", found.get("name")))
        if is_operation(found):
            return entry("Step", {"function": kind, "settings": settings_of_a_step(kind, config, name), "name": name})
        known = OTHER_NAMES.get(kind, kind)
        if known not in LAYERS:
            raise NotAllowed(no_such_layer(kind, name, config))
        refuse_quantized(config, name)
        made = getattr(layers, known)
        taken = settings_taken_by(made)
        settings = {}
        for key, value in config.items():
            if key.endswith(NOT_NEEDED) or key in WITHOUT_EFFECT:
                continue
            if key in taken:
                # A Bidirectional makes two layers of the one in it.
                settings[key] = self.setting(key, value, name, times * 2 if kind == "Bidirectional" else times)
            elif value not in (None, False, [], {}, ""):
                raise NotAllowed(f"layer {name!r} ({kind}) has a setting that Keras does not know: {key[:40]}")
        if kind == "Addons>InstanceNormalization":
            settings["groups"] = -1  # a group for each channel
        if kind == "InputLayer":
            settings = input_without_batch(settings, config)
        if "dtype" in config and (dtype := dtype_name(config["dtype"], name)) is not None:
            settings["dtype"] = dtype
        settings |= {key: self.weightless for key in taken if key.endswith("_initializer")}
        return entry(kind, settings | {"name": name})

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
        value = "linear" if value is None else str(value)
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


# ---- Classes ----


def is_operation(found):
    """Say whether an entry of a functional model is a function of keras.ops; Add and others are layers, too."""
    kind, module = found["class_name"], found.get("module")
    if kind not in OPERATIONS:
        return False
    if module is not None:
        return str(module).startswith("keras.src.ops.")
    return kind not in LAYERS or "trainable" not in found["config"]  # a layer's settings in a .h5 file have it


def refuse_quantized(config, name):
    """Refuse a layer whose weights are in 8 or 4 bits, with numbers beside them that tell what they mean."""
    dtype = config.get("dtype")
    if config.get("quantization_config") or (isinstance(dtype, dict) and "Quantized" in str(dtype.get("class_name"))):
        raise NotAllowed(f"layer {name!r} is quantized; save the model as it was before quantize(...)")


def no_such_layer(kind, name, config):
    """Say why a layer is not taken."""
    if kind in CODE_LAYERS or kind == "__lambda__":
        return (
            f"layer {name!r} ({kind}) carries program code, and code out of a file is never run; "
            "build that step from plain layers and save again"
        )
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return (
            f"layer {name!r} is the TensorFlow function {str(config.get('function'))[:60]}, which is not translated "
            "with its arguments; replace it by a layer (Reshape, Activation, Add, ...) and save again"
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


def settings_of_a_step(kind, config, name):
    """Check the settings of a function of keras.ops."""
    taken = inspect.signature(operation(kind)).parameters
    unknown = [key for key, value in config.items() if key not in (*taken, "name", "dtype", "trainable") and value]
    if unknown:
        raise NotAllowed(f"{name!r} ({kind}) has a setting that keras.ops does not know: {unknown[0][:40]}")
    settings = {key: plain_value(value, name) for key, value in config.items() if key in taken and key != "dtype"}
    if "dtype" in taken and isinstance(config.get("dtype"), str):  # a dictionary is the policy that all operations have
        settings["dtype"] = dtype_name(config["dtype"], name)
    return settings
