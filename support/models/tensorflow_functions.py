"""Translates the TensorFlow functions in functional models of Keras 2 into functions of `keras.ops`.

Where somebody wrote `x * 0.5 + 0.5` or `tf.concat([a, b], -1)` between two layers, Keras 2 from 2.4 on stored an entry
`TFOpLambda` with the function's name, and `SlicingOpLambda` for `x[:, 1:3]`.
"""

KINDS = ("TFOpLambda", "SlicingOpLambda")
TWO = {"y": "x2"}
REDUCING = {"axis": "axis", "keepdims": "keepdims"}
DEFAULTS = {"data_format": "NHWC", "conjugate": False}  # of arguments that keras.ops has not; of all others: None

# TensorFlow's name, the class in keras.ops, and the names of its arguments after the first one.
FUNCTIONS = {
    "__operators__.add": ("Add", TWO),
    "__operators__.getitem": ("GetItem", {"slice_spec": "key"}),
    "cast": ("Cast", {"dtype": "dtype"}),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "concat": ("Concatenate", {"axis": "axis"}),
    "expand_dims": ("ExpandDims", {"axis": "axis"}),
    "identity": ("Copy", {}),
    "image.resize": ("Resize", {"size": "size", "method": "interpolation", "antialias": "antialias"}),
    "linalg.matmul": ("TfMatmul", {"b": "x2", "transpose_a": "transpose_a", "transpose_b": "transpose_b"}),
    "math.abs": ("Abs", {}),
    "math.add": ("Add", TWO),
    "math.add_n": ("TfAddN", {}),
    "math.ceil": ("Ceil", {}),
    "math.cos": ("Cos", {}),
    "math.divide": ("Divide", TWO),
    "math.erf": ("Erf", {}),
    "math.exp": ("Exp", {}),
    "math.floor": ("Floor", {}),
    "math.greater": ("Greater", TWO),
    "math.l2_normalize": ("TfL2Normalize", {"axis": "axis", "epsilon": "epsilon"}),
    "math.less": ("Less", TWO),
    "math.log": ("Log", {}),
    "math.maximum": ("Maximum", TWO),
    "math.minimum": ("Minimum", TWO),
    "math.multiply": ("Multiply", TWO),
    "math.negative": ("Negative", {}),
    "math.pow": ("Power", TWO),
    "math.reduce_max": ("Max", REDUCING),
    "math.reduce_mean": ("Mean", REDUCING),
    "math.reduce_min": ("Min", REDUCING),
    "math.reduce_std": ("Std", REDUCING),
    "math.reduce_sum": ("Sum", REDUCING),
    "math.reduce_variance": ("Var", REDUCING),
    "math.round": ("Round", {}),
    "math.rsqrt": ("Rsqrt", {}),
    "math.sigmoid": ("Sigmoid", {}),
    "math.sign": ("Sign", {}),
    "math.sin": ("Sin", {}),
    "math.softplus": ("Softplus", {}),
    "math.sqrt": ("Sqrt", {}),
    "math.square": ("Square", {}),
    "math.squared_difference": ("TfSquaredDifference", TWO),
    "math.subtract": ("Subtract", TWO),
    "math.tanh": ("Tanh", {}),
    "math.truediv": ("TrueDivide", TWO),
    "nn.depth_to_space": ("DepthToSpace", {"block_size": "block_size"}),
    "nn.elu": ("Elu", {}),
    "nn.gelu": ("TfGelu", {"approximate": "approximate"}),
    "nn.leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}),
    "nn.relu": ("Relu", {}),
    "nn.relu6": ("Relu6", {}),
    "nn.selu": ("Selu", {}),
    "nn.sigmoid": ("Sigmoid", {}),
    "nn.silu": ("Silu", {}),
    "nn.softmax": ("Softmax", {"axis": "axis"}),
    "nn.softplus": ("Softplus", {}),
    "nn.softsign": ("Softsign", {}),
    "nn.space_to_depth": ("SpaceToDepth", {"block_size": "block_size"}),
    "nn.swish": ("Silu", {}),
    "nn.tanh": ("Tanh", {}),
    "one_hot": ("OneHot", {"depth": "num_classes", "axis": "axis", "dtype": "dtype"}),
    "ones_like": ("OnesLike", {}),
    "pad": ("TfPad", {"paddings": "paddings", "mode": "mode", "constant_values": "constant_values"}),
    "repeat": ("Repeat", {"repeats": "repeats", "axis": "axis"}),
    "reshape": ("Reshape", {"shape": "newshape"}),
    "reverse": ("Flip", {"axis": "axis"}),
    "roll": ("Roll", {"shift": "shift", "axis": "axis"}),
    "split": ("TfSplit", {"num_or_size_splits": "num_or_size_splits", "axis": "axis"}),
    "squeeze": ("Squeeze", {"axis": "axis"}),
    "stack": ("Stack", {"axis": "axis"}),
    "stop_gradient": ("StopGradient", {}),
    "tile": ("Tile", {"multiples": "repeats"}),
    "transpose": ("Transpose", {"perm": "axes"}),
    "unstack": ("Unstack", {"num": "num", "axis": "axis"}),
    "where": ("Where", {"x": "x1", "y": "x2"}),
    "zeros_like": ("ZerosLike", {}),
}


def in_words_of_keras_ops(layer, nodes):
    """Translate an entry of a functional model.

    Args:
        layer: Keras 2's entry, of one of `KINDS`.
        nodes: Its `inbound_nodes`, with the calls counted from 0.

    Returns:
        Keras 3's entry, with `name` and `inbound_nodes`; None if the function is in no table, or an argument of it.
    """
    kind, names = FUNCTIONS.get(str(layer["config"].get("function")).removeprefix("compat.v1."), (None, {}))
    if kind is None:
        return None
    calls = []
    for node in nodes:
        first, others = first_argument(node)
        others = {key: value for key, value in others.items() if value != DEFAULTS.get(key) and key != "name"}
        if not set(others) <= set(names):
            return None
        calls.append({"args": [first], "kwargs": {names[key]: in_keras_3_form(value) for key, value in others.items()}})
    config = {"name": layer["name"]}
    return {"module": "keras.src.ops.numpy", "class_name": kind, "config": config, "inbound_nodes": calls}


def first_argument(node):
    """Return the first argument of a call, a tensor, a list of tensors or a number, and the others by their names."""
    if isinstance(node[0], list):
        return [first_argument(inner)[0] for inner in node], first_argument(node[0])[1]
    others = node[3] if len(node) > 3 else {}
    if node[0] == "_CONSTANT_VALUE":
        return node[2], others
    return tensor(node[:3]), others


def tensor(reference):
    """Return a reference `[layer, call, output]` in Keras 3's form; shape and type are not looked at."""
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": reference}}


def in_keras_3_form(value):
    """Return an argument in Keras 3's form: tensors and slices have a class there."""
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and all(type(number) is int for number in value[1:]):
            return tensor(value)
        return [in_keras_3_form(inner) for inner in value]
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    return value
