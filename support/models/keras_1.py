"""Translates the words of Keras 1 into those of Keras 2: `Convolution2D(nb_filter=64)` became `Conv2D(filters=64)`."""

LAYERS = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}
SETTINGS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "dim_ordering": "data_format",
    "bias": "use_bias",
    "p": "rate",
    "atrous_rate": "dilation_rate",
    "concat_axis": "axis",
    "pool_length": "pool_size",
    "stride": "strides",
}
ORDERS = {"th": "channels_first", "tf": "channels_last", "default": "channels_last"}
# Only training reads them, or they say what the input's shape says too.
DROPPED = ("init", "W_regularizer", "b_regularizer", "W_constraint", "b_constraint", "W_learning_rate_multiplier")
DROPPED += ("b_learning_rate_multiplier", "gamma_init", "beta_init", "gamma_regularizer", "beta_regularizer")
DROPPED += ("input_dim", "output_shape", "arguments", "node_indices", "tensor_indices", "output_mask", "input_dtype")
SIGNS = ("nb_filter", "border_mode", "dim_ordering", "init", "subsample", "W_regularizer", "nb_row", "gamma_init")


def has_keras_1_words(layer):
    """Say whether a layer's settings, or those of a layer in it, are Keras 1's."""
    config = layer.get("config")
    if isinstance(config, list):
        return any(has_keras_1_words(inner) for inner in config)
    if not isinstance(config, dict):
        return False
    if isinstance(config.get("layers"), list):
        return any(has_keras_1_words(inner) for inner in config["layers"])
    return any(sign in config for sign in SIGNS) or layer["class_name"] in ("Merge", "Highway", "MaxoutDense")


def in_keras_2_words(layer):
    """Translate the Keras 1 configuration of a layer or a model.

    Args:
        layer: Keras 1's `{"class_name": ..., "config": ...}`. It is not changed.

    Returns:
        The same in Keras 2's words.
    """
    old = layer["config"]
    if isinstance(old, list):
        return layer | {"config": [in_keras_2_words(inner) for inner in old]}
    if isinstance(old.get("layers"), list):
        return layer | {"config": old | {"layers": [in_keras_2_words(inner) for inner in old["layers"]]}}
    kind = LAYERS.get(layer["class_name"], layer["class_name"])
    config = {SETTINGS.get(key, key): value for key, value in old.items() if key not in DROPPED}
    if kind == "Embedding" and "input_dim" in old:
        config["input_dim"] = old["input_dim"]
    elif kind == "Dense" and "output_dim" in config:
        config["units"] = config.pop("output_dim")
        if "input_dim" in old and "batch_input_shape" not in config and old["input_dim"]:
            config["batch_input_shape"] = [None, old["input_dim"]]
    if "nb_row" in config:
        config["kernel_size"] = [config.pop("nb_row"), config.pop("nb_col")]
    if "filter_length" in config:
        config["kernel_size"] = config.pop("filter_length")
    if kind == "Merge":
        mode = config.pop("mode", "sum")
        kind = MERGES.get(mode, f"Merge of mode {mode}")
        config = {
            key: value for key, value in config.items() if key in ("name", "axis") and (key, kind) != ("axis", "Add")
        }
        if kind != "Concatenate":
            config.pop("axis", None)
    if kind == "BatchNormalization":
        config.pop("mode", None)
    if config.get("data_format") in ORDERS:
        config["data_format"] = ORDERS[config["data_format"]]
    if isinstance(config.get("layer"), dict):
        config["layer"] = in_keras_2_words(config["layer"])
    return layer | {"class_name": kind, "config": config}
