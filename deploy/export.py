"""Turn a generator's file into files for the web: an ONNX model, a page that needs no server, a LiteRT model.

    python deploy/export.py generator_e200.h5                      generator_e200.onnx beside it
    python deploy/export.py generator_e200.h5 --page my_page       a folder: a web page that draws in the browser
    python deploy/export.py generator_e200.h5 --litert             generator_e200.tflite, too

It opens what samples.py opens. Every exported model has the same inputs and output, whatever the file's own are:
`noise` (b, z), with classes `class_number` (b, 1), and `pictures` (b, height, width, channels) in [-1, 1]. What
samples.py knows of the generator is stored in the model. Before anything is written, the exported model draws the same
noise as Keras, and the pictures are compared.

Needs `pip install -r deploy/requirements-export.txt`, and the TensorFlow or the PyTorch backend of Keras.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import json
import math
import tempfile

import keras
import numpy as np

import samples
from deploy.page_folder import check_page_folder, write_page
from deploy.vendor import vendored
from support.drawing.grid import to_image, to_uint8
from support.models.flags import add_flags
from support.models.generator import as_told, names_of_classes
from support.models.opening import open_generator
from support.system.atomic_files import written_beside
from support.system.command_line import OneLineParser, file_path, place_to_write
from support.system.errors import InputError, one_line_errors
from support.system.quiet import quiet

CHECKED_PICTURES = 16
LARGEST_DIFFERENCE = 1e-4  # of a value in [-1, 1]; one grey level is 8e-3


def standard_model(generator):
    """Wrap a generator so that its inputs and its output have the standard form.

    Args:
        generator: What `open_generator` gave.

    Returns:
        A `keras.Model` from `noise` `(b, z)`, float32, and with classes `class_number` `(b, 1)`, int32, to `pictures`
        `(b, height, width, channels)`, float32 in [-1, 1].
    """
    noise = keras.Input((generator.noise_size,), name="noise")
    inputs, classes = noise, None
    if generator.class_count:
        classes = keras.Input((1,), dtype="int32", name="class_number")
        inputs = [noise, classes]
    numbers = keras.ops.erf(noise / math.sqrt(2)) if generator.uniform_noise else noise  # as `Generator.inputs` does it
    if generator.one_hot_tail:
        tail = keras.layers.CategoryEncoding(generator.class_count, output_mode="one_hot", name="class_at_the_end")
        numbers = keras.layers.Concatenate(name="noise_and_class")([numbers, tail(classes)])
    of_model, start = [], 0
    for place, shape in enumerate(generator.input_shapes):
        size = math.prod(shape)
        if place != generator.class_position:
            part = numbers if size == numbers.shape[-1] else numbers[:, start : start + size]
            of_model.append(keras.layers.Reshape(shape, name=f"noise_in_its_shape_{place}")(part))
            start += size
        elif size > 1:
            encode = keras.layers.CategoryEncoding(generator.class_count, output_mode="one_hot", name="class_one_hot")
            of_model.append(keras.layers.Reshape(shape, name="class_in_its_shape")(encode(classes)))
        else:
            of_model.append(keras.layers.Reshape(shape, name="class_in_its_shape")(classes))
    pictures = keras.tree.flatten(generator.model(of_model if len(of_model) > 1 else of_model[0]))[0]
    lowest, highest = generator.value_range
    scale = 2.0 / (highest - lowest)
    pictures = keras.layers.Rescaling(scale, -lowest * scale - 1.0, dtype="float32", name="pictures")(pictures)
    return keras.Model(inputs, pictures, name="generator")


def about(generator, source):
    """Describe a generator: what a page or a server must know of it to draw as samples.py does.

    Returns:
        A dictionary that JSON can hold.
    """
    height, width, channels = generator.picture_shape
    return {
        "source": source,
        "noise_size": generator.noise_size,
        "picture_shape": [height, width, channels],
        "value_range": [-1.0, 1.0],
        "class_names": names_of_classes(generator) if generator.class_count else None,
        **{name: generator.settings.get(name) for name in ("preset", "epoch", "seed", "versions")},
    }


def sample_inputs(information, count=CHECKED_PICTURES):
    """Make noise and classes to compare two models with: a dictionary from an input's name to its array."""
    noise = np.random.default_rng(0).standard_normal((count, information["noise_size"]), dtype="float32")
    if not information["class_names"]:
        return {"noise": noise}
    return {
        "noise": noise,
        "class_number": (np.arange(count) % len(information["class_names"]))[:, None].astype("int32"),
    }


def drawn_by_keras(model, inputs):
    """Draw with the Keras model; `inputs` is what `sample_inputs` made."""
    arrays = list(inputs.values())
    return keras.ops.convert_to_numpy(model(arrays if len(arrays) > 1 else arrays[0], training=False))


def refuse_if_different(kind, drawn, expected):
    """Compare the pictures of an exported model with those of Keras.

    Returns:
        The largest difference.

    Raises:
        InputError: If they differ by more than `LARGEST_DIFFERENCE`.
    """
    difference = float(np.abs(drawn - expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"the {kind} model draws other pictures than Keras: they differ by {difference:.2g} in [-1, 1], "
            f"and {LARGEST_DIFFERENCE:g} is allowed; nothing was written"
        )
    return difference


def export_onnx(model, path, information):
    """Write an ONNX model with its description, after a comparison with Keras.

    Args:
        model: What `standard_model` gave.
        path: Where it goes.
        information: What `about` gave; stored as JSON in the model's metadata, under the key `gan`.

    Returns:
        The largest difference from Keras' pictures.

    Raises:
        InputError: If the packages are missing, the backend cannot export, or the pictures differ.
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "torch"):
        raise InputError(f"Keras on {backend} exports no ONNX model; run this command with KERAS_BACKEND=tensorflow")
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{error.name} is not installed; pip install -r deploy/requirements-export.txt") from None
    inputs = sample_inputs(information)
    expected = drawn_by_keras(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        exported = pathlib.Path(folder) / "generator.onnx"
        with quiet():
            model.export(exported, format="onnx", verbose=False)
        graph = onnx.load(exported)
        onnx.helper.set_model_props(graph, {"gan": json.dumps(information)})
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        (drawn,) = session.run(None, inputs)
        difference = refuse_if_different("ONNX", drawn, expected)
        with written_beside(path) as temporary:
            onnx.save(graph, temporary)
    return difference


def export_litert(model, path, information):
    """Write a LiteRT model (TensorFlow Lite), after a comparison with Keras; arguments as for `export_onnx`."""
    if keras.backend.backend() != "tensorflow":
        raise InputError("--litert needs Keras on TensorFlow; run this command with KERAS_BACKEND=tensorflow")
    import tensorflow

    inputs = sample_inputs(information, count=1)
    expected = drawn_by_keras(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        exported = pathlib.Path(folder) / "generator.tflite"
        with quiet():
            model.export(exported, format="litert", verbose=False)
            interpreter = tensorflow.lite.Interpreter(str(exported))
            runner = interpreter.get_signature_runner()
            drawn = next(iter(runner(**inputs).values()))
        difference = refuse_if_different("LiteRT", drawn, expected)
        with written_beside(path) as temporary:
            temporary.write_bytes(exported.read_bytes())
    return difference


def main(arguments=None):
    """Read the flags, open the generator, export."""
    parser = OneLineParser("deploy/export.py", description="Turn a generator's file into files for the web.")
    add = parser.add_argument
    add("file", type=file_path, help="generator_eXXX.h5 of train.py, or another .h5 or .keras file")
    add("--out", type=place_to_write, metavar="FILE.onnx", help="the ONNX model (beside the generator)")
    add("--page", type=place_to_write, metavar="FOLDER", help="write a web page that needs no server into this folder")
    add("--litert", action="store_true", help="write a LiteRT model, too")
    add_flags(parser)
    arguments = parser.parse_args(arguments)
    with one_line_errors("deploy/export.py"):
        generator = as_told(open_generator(arguments.file), arguments.noise, arguments.range, arguments.one_hot)
        path = arguments.out or arguments.file.with_suffix(".onnx")
        if path.suffix != ".onnx":
            raise InputError(f"--out {path}: the name of an ONNX model ends in .onnx")
        if not path.absolute().parent.is_dir():
            raise InputError(f"--out {path}: there is no folder {path.absolute().parent}; create it first")
        if arguments.page:
            check_page_folder(arguments.page)
            vendored()  # now, so that nothing is written where npm is missing
        print(samples.description(arguments.file, generator))
        one = sample_inputs(about(generator, arguments.file.name), count=1)
        generator.draw(one["noise"], one.get("class_number", np.zeros(1, int)).ravel())  # if it cannot, it says why
        model, information = standard_model(generator), about(generator, arguments.file.name)
        difference = export_onnx(model, path, information)
        print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB, within {difference:.1g} of Keras' pictures")
        if arguments.litert:
            small = path.with_suffix(".tflite")
            difference = export_litert(model, small, information)
            print(f"wrote {small}: {small.stat().st_size / 1e6:.1f} MB, within {difference:.1g} of Keras' pictures")
        if arguments.page:
            first = drawn_by_keras(model, sample_inputs(information, count=1))
            write_page(arguments.page, path, information, icon=to_image(to_uint8(first)[0]))
            print(f"wrote {arguments.page}: put it on any web server, or try it here:")
            print(f"    python -m http.server --bind 127.0.0.1 --directory {arguments.page} 8000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
