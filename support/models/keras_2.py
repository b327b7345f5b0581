"""Translates a model configuration of Keras 2 into one of Keras 3.

Keras 3 refuses some parts (`groups` of a Conv2DTranspose, a BatchNormalization whose axis is a list). Other parts it
reads differently without a warning (`hard_sigmoid`, LayerNormalization over several axes). Parts that only training
needs (initializers, regularizers, constraints) are left out; the weights come from the file.
"""

from keras import ops

from support.models.tensorflow_functions import KINDS, first_argument, in_keras_3_form, in_words_of_keras_ops

MODELS = ("Functional", "Model", "Sequential")

# Keys that have no meaning in Keras 3, or that describe how Keras 2 computed, not what.
DROPPED_EVERYWHERE = ("batch_input_shape", "input_shape", "input_dtype", "ragged", "implementation", "time_major")
OF_BATCH_NORMALIZATION = ("fused", "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "adjustment")
DROPPED = {
    "BatchNormalization": OF_BATCH_NORMALIZATION,
    "BatchNormalizationV1": OF_BATCH_NORMALIZATION,
    "BatchNormalizationV2": OF_BATCH_NORMALIZATION,
    "Embedding": ("input_length",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
    "SpatialDropout1D": ("noise_shape", "trainable"),
    "SpatialDropout2D": ("noise_shape", "trainable"),
    "SpatialDropout3D": ("noise_shape", "trainable"),
}
WITHOUT_GROUPS = (
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
)


def keras_2_hard_sigmoid(x):
    """Keras 2's `hard_sigmoid`, clip(0.2 x + 0.5). Keras 3's function of that name has the slope 1/6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def in_keras_3_words(layer):
    """Translate the Keras 2 configuration of a layer or a model into one of Keras 3.

    Args:
        layer: Keras 2's `{"class_name": ..., "config": ...}`, from a `.h5` or a `.keras` file. It is not changed.

    Returns:
        The same for `keras.saving.deserialize_keras_object`.

    Raises:
        ValueError: If Keras 3 has no equivalent.

    Example:

    ```python
    relu = {"class_name": "ThresholdedReLU", "config": {"name": "relu", "theta": 0.5}}
    in_keras_3_words(relu)["config"]  # {"name": "relu", "threshold": 0.5}
    ```
    """
    kind = layer["class_name"]
    if kind == "Sequential":
        return entry("keras", "Sequential", sequential_in_keras_3_words(layer["config"]))
    if kind in MODELS:
        # Keras 2's module keras.src.engine.functional no longer exists; the public name also builds a functional model.
        return entry("keras", "Model", functional_in_keras_3_words(layer["config"]))
    old = layer["config"]
    left_out = (*DROPPED_EVERYWHERE, *DROPPED.get(kind, ()))
    config = {
        key: value
        for key, value in old.items()
        if key not in left_out and not key.endswith(("_initializer", "_regularizer", "_constraint"))
    }
    if "name" in config:
        config["name"] = without_slashes(config["name"])
    if kind == "InputLayer" and "batch_input_shape" in old:
        config["batch_shape"] = old["batch_input_shape"]
    if kind in WITHOUT_GROUPS and config.pop("groups", 1) != 1:
        raise ValueError(f"layer {config['name']!r} is a {kind} with groups, and Keras 3 has none")
    if kind == "UpSampling2D" and config.get("interpolation") in ("gaussian", "mitchellcubic"):
        raise ValueError(f"layer {config['name']!r} enlarges by {config['interpolation']}, and Keras 3 cannot")
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if kind == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if kind == "GRU":
        config.setdefault("reset_after", False)  # the only way before Keras 2.2
    if kind == "ThresholdedReLU":
        kind, config["threshold"] = "ReLU", config.pop("theta")
    if isinstance(config.get("dtype"), dict):
        # A Policy object; Keras 3 expects the policy's name: "mixed_float16".
        config["dtype"] = config["dtype"]["config"]["name"]
    for key, value in config.items():
        if key.endswith("activation") and is_hard_sigmoid(value):
            config[key] = entry("builtins", "function", "keras_2_hard_sigmoid", "keras_2_hard_sigmoid")
        elif is_layer(value):
            # In a wrapper such as Bidirectional, or as an activation: Conv2D(64, 3, activation=LeakyReLU(0.2)).
            config[key] = in_keras_3_words(value)
    return entry("keras.layers", kind, config)


def is_hard_sigmoid(value):
    """Say whether an activation is `hard_sigmoid`, written as a name or as a function."""
    return value == "hard_sigmoid" or (isinstance(value, dict) and value.get("config") == "hard_sigmoid")


def is_layer(value):
    """Say whether a setting is a layer; `__tuple__` and the like are Keras' ways to write values."""
    kind = value.get("class_name") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind[:2] != "__" and isinstance(value.get("config"), dict)


def entry(module, class_name, config, registered_name=None):
    """Return one object in the form that Keras 3 writes."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}


def without_slashes(name):
    """Replace slashes in a layer's name: Keras 3 refuses them. Weights are loaded in order, so names may change."""
    return name.replace("/", "_")


def sequential_in_keras_3_words(config):
    """Translate a Sequential's configuration, and add the InputLayer that the oldest files leave out."""
    if isinstance(config, list):
        # Before Keras 2.2.3 the configuration was the list of layers itself.
        config = {"name": "sequential", "layers": config}
    layers = [in_keras_3_words(layer) for layer in config["layers"]]
    first = config["layers"][0]
    if first["class_name"] != "InputLayer":
        shape = first["config"].get("batch_input_shape") if isinstance(first["config"], dict) else None
        shape = shape or config.get("build_input_shape")
        if shape:
            layers.insert(
                0, entry("keras.layers", "InputLayer", {"batch_shape": shape, "name": "input_of_" + config["name"]})
            )
    return {"name": without_slashes(config["name"]), "layers": layers}


def functional_in_keras_3_words(config):
    """Translate a functional model's configuration: its layers, and the connections between them."""
    shifts = first_calls(config)
    # In its lists of inputs and outputs, Keras 3 too counts a functional model's own graph as the model's call 0.
    nested = [layer["name"] for layer in config["layers"] if layer["class_name"] in ("Functional", "Model")]
    at_the_ends = shifts | {name: shifts.get(name, 0) - 1 for name in nested}
    layers = []
    for layer in config["layers"]:
        nodes = [references(node, shifts) for node in layer["inbound_nodes"]]
        if layer["class_name"] in KINDS and (step := in_words_of_keras_ops(layer, nodes)):
            layers.append(step | {"name": without_slashes(layer["name"])})
            continue
        calls = {"inbound_nodes": [with_tensors(node) for node in nodes]}
        layers.append(in_keras_3_words(layer) | {"name": without_slashes(layer["name"])} | calls)
    return {
        "name": without_slashes(config["name"]),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "input_layers": single(references(config["input_layers"], at_the_ends)),
        "output_layers": single(references(config["output_layers"], at_the_ends)),
    }


def with_tensors(node):
    """Write a call in Keras 3's form if an argument after the first is a tensor too, such as an attention's `value`."""
    tensors, others = first_argument(node) if node and isinstance(node[0], list) else ([], {})
    named = {key: in_keras_3_form(value) for key, value in others.items()}
    return node if named == others else {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": named}


def first_calls(config):
    """Find the number of each layer's first call: 0, or 1 for a model nested in this one.

    Keras 2 counted a nested model's own graph as its call 0; Keras 3 does not. Every call in the file is used by
    another layer or as an output. So if a layer is called n times and its highest number is n (not n - 1), its numbers
    start at 1.
    """
    highest = {}
    references([layer["inbound_nodes"] for layer in config["layers"]], {}, highest)
    references([config["input_layers"], config["output_layers"]], {}, highest)
    return {
        layer["name"]: 1
        for layer in config["layers"]
        if layer["inbound_nodes"] and highest.get(layer["name"], 0) >= len(layer["inbound_nodes"])
    }


def references(value, shifts, highest=None):
    """Copy nested lists, and make the call numbers in each reference `[layer, call, output, ...]` start at 0.

    Args:
        value: Lists and dictionaries from a functional model's configuration.
        shifts: How much to subtract from the call number, by layer name.
        highest: Dictionary that receives the highest call number by layer name, or None.
    """
    if isinstance(value, dict):
        return {key: references(inner, shifts, highest) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) >= 3 and isinstance(value[0], str) and all(type(number) is int for number in value[1:3]):
        name, call, output, *keywords = value
        if highest is not None:
            highest[name] = max(call, highest.get(name, 0))
        return [without_slashes(name), call - shifts.get(name, 0), output, *references(keywords, shifts, highest)]
    return [references(inner, shifts, highest) for inner in value]


def single(ends):
    """Take a single input or output out of its list: with a list, Keras 3 would expect a list in every call."""
    return ends[0] if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list) else ends
