"""The tables of classes and functions that a model file may name, and what Keras makes of them.

A file says which classes its model is made of. Keras looks such names up in the whole of Python's modules, and every
year somebody finds a class or a function among them that runs code, loads a file or asks the network. Here names are
looked up in these tables, and nowhere else; `checking.py` does it.
"""

import math

import keras
from keras import layers, ops

from support.models import own_functions
from support.models.keras_2 import keras_2_hard_sigmoid
from support.system.errors import InputError

LAYERS = """
    Activation ActivityRegularization Add AlphaDropout Attention AdditiveAttention Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D
    DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GRU GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization Identity InputLayer LSTM LayerNormalization LeakyReLU Masking MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization
    ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract TimeDistributed UnitNormalization UpSampling1D
    UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
""".split()

# Activations, by the names that Keras 1, 2 and 3 gave them.
FUNCTIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax squareplus
    swish tanh tanh_shrink threshold
""".split()

# Functions of keras.ops that a functional model of Keras 3 may hold between its layers. None of them takes a file, a
# function or a size that the pictures do not have afterwards. Those with Tf are in own_functions.py.
OPERATIONS = """
    Abs Absolute Add Amax Amin Average BroadcastTo Cast Ceil Celu Clip Concatenate Copy Cos Cosh DepthToSpace Divide
    Dot Elu Equal Erf Exp ExpandDims Expm1 Flip Floor FloorDivide Gelu GetItem Glu Greater GreaterEqual HardShrink
    HardSigmoid HardSilu HardSwish HardTanh Identity LeakyRelu Less LessEqual Log Log1p LogSigmoid LogSoftmax
    LogicalAnd LogicalNot LogicalOr Matmul Max Maximum Mean Min Minimum Mod Moveaxis Multiply Negative NotEqual
    OnesLike Pad Power Prod Ravel Reciprocal Relu Relu6 Repeat Reshape Resize Roll Round Rsqrt Selu Sigmoid Sign
    Silu Sin Sinh SoftShrink Softmax Softplus Softsign SpaceToDepth Split Sqrt Square Squeeze Stack Std StopGradient
    Subtract Sum Swapaxes Tan Tanh TanhShrink Tile Transpose TrueDivide Unstack Var Where ZerosLike
    OneHot TfAddN TfGelu TfL2Normalize TfMatmul TfPad TfSplit TfSquaredDifference
""".split()

# These layers contain code, or name a place to load code from. They are as forbidden as any other name that is in no
# table; the message says why.
CODE_LAYERS = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")

# Names of layers in older files and in TensorFlow Addons, and what they are today.
OTHER_NAMES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "Addons>InstanceNormalization": "GroupNormalization",
    "Addons>GroupNormalization": "GroupNormalization",
    "Addons>SpectralNormalization": "SpectralNormalization",
    "InputSpec": "InputLayer",
}


class NotAllowed(InputError):
    """The configuration names or asks for something that is not taken. The message does not yet name the file."""


class Weightless(keras.initializers.Initializer):
    """Zeros, until the weights of the file come; and no more of them than the file has weights.

    Args:
        number: Which of `allowances` all layers of a file share. Keras copies initializers, so a layer's own one cannot
            hold it.
    """

    allowances = []  # for each opened file, how many numbers may still be made

    def __init__(self, number):
        self.number = number

    @classmethod
    def for_file(cls, count):
        """Return the initializer for a file with `count` numbers."""
        cls.allowances.append(count)
        return cls(len(cls.allowances) - 1)

    def __call__(self, shape, dtype=None, **others):
        self.allowances[self.number] -= math.prod(shape)
        if self.allowances[self.number] < 0:
            raise NotAllowed(f"a layer asks for weights of the shape {tuple(shape)}, and the file has fewer numbers")
        return ops.zeros(shape, dtype=dtype)

    def get_config(self):
        return {"number": self.number}


class Step(keras.Operation):
    """A function of `keras.ops` between the layers of a functional model.

    Args:
        function: Its class name in the file, one of `OPERATIONS`.
        settings: Its settings, apart from the tensors.
        name: Name of the step in the model.
    """

    def __init__(self, function, settings, name=None):
        super().__init__(name=name)
        self.function, self.settings = function, settings

    def call(self, *arguments, **keywords):
        if self.function == "GetItem":
            picture, key = [*arguments, *keywords.values()]
            return ops.get_item(picture, tuple(key) if isinstance(key, list) else key)
        return operation(self.function)(*arguments, **keywords, **self.settings)


class Sequential(keras.Sequential):
    """Keras' Sequential, built once. Keras builds it anew after each layer, which takes minutes for 1000 layers."""

    @classmethod
    def from_config(cls, config, custom_objects=None):
        read = keras.saving.deserialize_keras_object
        return cls([read(layer, custom_objects=custom_objects) for layer in config["layers"]], name=config["name"])


def operation(class_name):
    """Find the function of an entry of `OPERATIONS`: `LeakyRelu` is `keras.ops.leaky_relu`."""
    name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in class_name).strip("_")
    place = next(place for place in (ops, ops.nn, ops.image, own_functions) if hasattr(place, name))
    return getattr(place, name)


# All that Keras may make of a configuration that was checked.
MADE = {f"allowed>{name}": getattr(layers, name) for name in LAYERS} | {
    # In a .keras file, the paths of the weights are made of the names of the classes.
    **{f"allowed>{old}": type(old.split(">")[-1], (getattr(layers, new),), {}) for old, new in OTHER_NAMES.items()},
    "allowed>Sequential": Sequential,
    "allowed>Functional": keras.Model,
    "allowed>Step": Step,
    "Weightless": Weightless,  # the names under which Keras copies them
    "keras_2_hard_sigmoid": keras_2_hard_sigmoid,
}
