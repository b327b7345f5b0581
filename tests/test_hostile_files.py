"""Attacks with model files: each is made here, is refused in one line, and its side effect does not happen.

The names are those under which the attacks on Keras were published.
"""

import base64
import io
import json
import marshal
import os
import pathlib
import pickle
import subprocess
import sys
import time
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from made_models import changed, functional, old_file, saved, small_generator, unzipped, with_weights, zipped
from support.models import reading
from support.models.opening import open_generator
from support.system.errors import InputError

resource = pytest.importorskip("resource")  # limits of a process; not on Windows
ROOT = pathlib.Path(__file__).parent.parent
ENDINGS = [".h5", ".keras"]


def refused(path, *words):
    """Open a file that must be refused, in one line, soon. Returns the line."""
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        open_generator(path)
    line = str(caught.value)
    assert line.isprintable() and len(line) < 600 and time.monotonic() - start < 20
    assert all(word in line for word in words), line
    return line


@pytest.fixture
def marker(tmp_path):
    """A file that an attack would make; it must not be there at the end."""
    path = tmp_path / "attacked"
    yield path
    assert not path.exists()


def with_layer(path, layer, place=-1):
    """Save a generator, and put an entry in place of the settings of one of its layers."""
    saved(small_generator(layers.Activation("tanh", name="last")), path)

    def change(text):
        config = json.loads(text)
        found = config["config"]["layers"][place]
        for key in ("module", "registered_name", "build_config"):
            found.pop(key, None)
        found.update(layer)
        found["config"] = {"name": found["name"]} | layer["config"]
        return json.dumps(config)

    return changed(path, change)


def function(module, name):
    """A function as Keras writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def code_that_makes(path):
    """A function that makes a file, as the code that Keras stores for a Lambda."""
    code = compile(f"lambda x: (open({str(path)!r}, 'w').close(), x)[1]", "attack", "eval").co_consts[0]
    return {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}


def memory_of_reading(path):
    """The bytes that the reading process takes for a file; a small process starts it, whose own memory counts too."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-I', *sys.argv[1:]], stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-I", "-c", code, str(reading.CHILD), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)  # macOS counts bytes, Linux kB


# ---- Code in the configuration ----


@pytest.mark.parametrize("ending", ENDINGS)
def test_cve_2024_3660_and_2025_9905_code_in_a_lambda(ending, tmp_path, marker):
    """Catches code out of a Lambda layer that is run: in a .keras, and in a .h5, where Keras has no safe mode."""
    code = {"class_name": "__lambda__", "config": code_that_makes(marker)}
    entry = {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "config": {"function": code}}
    path = with_layer(tmp_path / f"g{ending}", entry)
    if ending == ".keras":  # the attack works where Keras does what the file says
        keras.models.load_model(path, compile=False, safe_mode=False).predict_on_batch(np.zeros((1, 4)))
        assert marker.exists()
        marker.unlink()
    refused(path, "'last' (Lambda)", "never run")


@pytest.mark.parametrize("ending", ENDINGS)
def test_cve_2026_12481_code_in_a_layer_within_a_layer(ending, tmp_path, marker):
    """Catches a Lambda that hides in a wrapper, in an activation or in a nested model."""
    code = {"class_name": "__lambda__", "config": code_that_makes(marker)}
    hidden = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "hidden", "function": code}}
    wrapped = {"class_name": "TimeDistributed", "config": {"layer": hidden}}
    nested = {"class_name": "Sequential", "config": {"layers": [hidden]}}
    activation = {"class_name": "Activation", "config": {"activation": hidden}}
    for number, entry in enumerate((wrapped, nested, activation)):
        refused(with_layer(tmp_path / f"{number}{ending}", entry), "Lambda")
    for key in ("function", "activation"):
        entry = {"class_name": "Activation", "config": {"activation": "tanh", key: code}}
        refused(with_layer(tmp_path / f"{key}{ending}", entry))


@pytest.mark.parametrize("ending", ENDINGS)
def test_cve_2025_1550_any_function_of_any_module(ending, tmp_path, marker):
    """Catches a name in the file that is looked up in Python's modules, as a class, function or custom object."""
    command = f"touch {marker}"
    for number, (kind, module, name) in enumerate(
        [("system", "os", None), ("Popen", "subprocess", None), ("run", "subprocess", "subprocess>run")]
    ):
        entry = {"class_name": kind, "module": module, "registered_name": name, "config": {"args": command}}
        refused(with_layer(tmp_path / f"{number}{ending}", entry), f"is a {kind}")
        entry = {"class_name": "Activation", "config": {"activation": function(module, kind)}}
        refused(with_layer(tmp_path / f"a{number}{ending}", entry), "none of Keras'")
    # Initializers and the like are not needed for drawing: whatever they name is not even looked at.
    entry = {
        "class_name": "Dense",
        "config": {"units": 192, "kernel_initializer": function("os", "system"), "kernel_regularizer": command},
    }
    open_generator(with_layer(tmp_path / f"i{ending}", entry, 1))


@pytest.mark.parametrize("name", ["2025-8747", "2025-9906", "2025-12060 and 2025-12638"])
def test_functions_of_keras_that_reach_out(name, tmp_path, marker):
    """Catches get_file (downloads; unpacks a tar to any place) and a configuration that switches the safe mode off."""
    asked = {
        "2025-8747": ("keras.utils", "get_file", {"origin": f"file://{ROOT}/LICENSE", "fname": str(marker)}),
        "2025-9906": ("keras.config", "enable_unsafe_deserialization", {}),
        "2025-12060 and 2025-12638": (
            "keras.utils",
            "get_file",
            {"origin": "file:///a.tar", "extract": True, "fname": str(marker)},
        ),
    }[name]
    entry = {"class_name": "Lambda", "config": {"function": function(*asked[:2]), "arguments": asked[2]}}
    refused(with_layer(tmp_path / "l.keras", entry), "Lambda")
    entry = {"class_name": "Activation", "config": {"activation": function(*asked[:2])}}
    refused(with_layer(tmp_path / "a.keras", entry), asked[1], "none of Keras'")
    entry = {"module": asked[0], "class_name": asked[1], "registered_name": None, "config": asked[2]}
    refused(with_layer(tmp_path / "c.h5", entry), asked[1])
    from keras.src.saving import serialization_lib

    assert serialization_lib.in_safe_mode() is not False


def test_cve_2025_12058_2025_49655_2026_1462_layers_that_load(tmp_path, marker):
    """Catches layers that read a vocabulary out of any file, run a pickle, or load a TensorFlow model from a path."""

    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    pickled = base64.b64encode(pickle.dumps(Attack())).decode()
    for kind, settings in (
        ("StringLookup", {"vocabulary": str(ROOT / "LICENSE")}),
        ("IntegerLookup", {"vocabulary": str(ROOT / "LICENSE")}),
        ("TextVectorization", {"vocabulary": "http://127.0.0.1/secret"}),
        ("TorchModuleWrapper", {"module": pickled}),
        ("TFSMLayer", {"filepath": str(tmp_path), "call_endpoint": "serve"}),
        ("JaxLayer", {"call_fn": pickled}),
        ("FlaxLayer", {"module": pickled}),
    ):
        entry = {"class_name": kind, "module": "keras.layers", "registered_name": None, "config": settings}
        refused(with_layer(tmp_path / f"{kind}.keras", entry), kind)


def test_cve_2026_12479_a_layer_name_as_a_path(tmp_path, marker):
    """Catches a layer's name that becomes a part of a path, or that moves a terminal's cursor."""
    model = small_generator(layers.Activation("tanh", name="last"))
    names = [f"../../../..{marker}", "C:\\\\x", "..", "\\u001b[2J", "\\u00e9", "a/b", ""]
    for number, name in enumerate(names):
        path = saved(model, tmp_path / f"{number}.keras")
        path = changed(path, lambda text, name=name: text.replace('"last"', f'"{name}"'))
        generator = open_generator(path)
        assert all(
            (character.isascii() and character.isalnum()) or character in "._-"
            for layer in generator.model.layers
            for character in layer.name
        )
        assert not any(layer.name.startswith(".") for layer in generator.model.layers)


# ---- What lies outside of the file ----


def with_dataset(path, make):
    """Save a generator as .h5, and put what `make(group, name)` makes in place of its first kernel."""
    saved(small_generator(layers.Activation("tanh")), path)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/start/start"]
        (name,) = [name for name in group if name.startswith("kernel")]
        del group[name]
        make(group, name)
    return path


def test_cve_2026_1669_and_links_to_other_files(tmp_path):
    """Catches numbers that are read out of another file, and drawn for the attacker to see."""
    secret = tmp_path / "secret"
    secret.write_bytes(np.full(4 * 192, 7.0, "float32").tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = np.full((4, 192), 7.0, "float32")

    def external_storage(group, name):
        group.create_dataset(name, (4, 192), "float32", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])

    def external_link(group, name):
        group[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/kernel")

    def virtual(group, name):
        layout = h5py.VirtualLayout((4, 192), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel", (4, 192))
        group.create_virtual_dataset(name, layout)

    def soft_link(group, name):
        group[name] = h5py.SoftLink("/model_weights")

    for make, words in (
        (external_storage, "another file (external storage)"),
        (external_link, "a link to another place or file"),
        (virtual, "a virtual dataset"),
        (soft_link, "a link to another place or file"),
    ):
        path = with_dataset(tmp_path / f"{make.__name__}.h5", make)
        if make is not soft_link:  # the attack works where HDF5 does what the file says
            with h5py.File(path) as file:
                (name,) = [name for name in file["model_weights/start/start"] if name.startswith("kernel")]
                assert file["model_weights/start/start"][name][0, 0] == 7
        refused(path, words)

        def in_keras(file, make=make):
            del file["layers/dense/vars/0"]
            make(file["layers/dense/vars"], "0")

        path = saved(small_generator(layers.Activation("tanh")), tmp_path / f"{make.__name__}.keras")
        if make is not external_storage:  # h5py makes no such dataset in a file in memory
            refused(with_weights(path, in_keras), words)


def test_names_of_weights_that_leave_their_group(tmp_path):
    """Catches a list of weights that names other places: above its own group, or at the root."""
    for number, name in enumerate(["../../optimizer", "/model_weights/../secret", ".", "kernel/../x"]):
        path = saved(small_generator(layers.Activation("tanh")), tmp_path / f"{number}.h5")
        with h5py.File(path, "r+") as file:
            file["model_weights/start"].attrs["weight_names"] = [name.encode()]
        refused(path, "no weights named")


def test_the_reading_process_has_no_rights(tmp_path):
    """Catches a reading process that can still open a file, write one, start a program or take much memory."""
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "support" / "models")!r})
import reading_child, numpy
reading_child.give_up_rights(1000)
def tried(what):
    try: what()
    except (OSError, MemoryError): return "refused"
    return "done"
print(tried(lambda: open({str(ROOT / "LICENSE")!r})), tried(lambda: open({str(tmp_path / "new")!r}, "w")),
      tried(lambda: os.open({str(ROOT / "LICENSE")!r}, os.O_RDONLY)), tried(lambda: os.listdir("/")),
      tried(os.pipe), tried(lambda: numpy.ones(400_000_000)))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["refused"] * (6 if sys.platform == "linux" else 5), done.stderr
    assert not (tmp_path / "new").exists()


# ---- Memory and time ----


def test_cve_2026_0897_shapes_that_are_not_in_the_file(tmp_path):
    """Catches memory that is taken for an array that the file only claims to hold."""

    def bomb(**others):
        return lambda group, name: group.create_dataset(name, (50_000_000,), "float32", **others)

    def huge(group, name):
        group.create_dataset(name, (2**40, 2**10), "float32", chunks=(1, 2**10))

    refused(with_dataset(tmp_path / "late.h5", bomb()), "holds only 0 bytes")
    refused(with_dataset(tmp_path / "chunks.h5", bomb(chunks=(1000,))), "holds only 0 bytes")
    refused(with_dataset(tmp_path / "huge.h5", huge), "more than 100,000,000 weights")
    assert memory_of_reading(tmp_path / "late.h5") < 200_000_000
    refused(with_dataset(tmp_path / "text.h5", lambda group, name: group.create_dataset(name, data="x")), "numbers")

    def endless(file):
        file["layers/dense/again"] = file["layers"]

    path = saved(small_generator(layers.Activation("tanh")), tmp_path / "endless.keras")
    refused(with_weights(path, endless), "without end")


def test_models_that_are_too_large(tmp_path):
    """Catches memory and time that are taken for layers which the file has no weights for, or no end of pictures."""
    cases = {
        "Dense": {"units": 2_000_000_000},
        "Conv2D": {"filters": 190, "kernel_size": [190, 190]},
        "Embedding": {"input_dim": 2_000_000_000, "output_dim": 2},
        "UpSampling2D": {"size": [10_000, 10_000]},
        "ZeroPadding2D": {"padding": [[30_000, 30_000], [30_000, 30_000]]},
        "Reshape": {"target_shape": [2**40, 2**40]},
        "PReLU": {"alpha_initializer": "zeros", "shared_axes": None},
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind, settings in cases.items():
        entry = {"class_name": kind, "module": "keras.layers", "config": {"trainable": True} | settings}
        refused(with_layer(tmp_path / f"{kind}.keras", entry))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000 * (1024 if sys.platform == "darwin" else 1)  # kB; macOS counts bytes


def test_models_within_models_without_end(tmp_path):
    """Catches a small file whose layers are called 2 to the power of 12 times, and could be 2 to the power of 40."""
    model = functional(layers.Dense(4), layers.Dense(4))
    for _ in range(12):
        start = keras.Input((4,))
        model = keras.Model(start, model(model(start)))
    model = functional(model, layers.Dense(192), layers.Reshape((8, 8, 3)))
    refused(saved(model, tmp_path / "twice.keras"), "more than 1500 layers")


def test_texts_without_end(tmp_path):
    """Catches a configuration that fills the memory when it is inflated or parsed."""
    with zipfile.ZipFile(tmp_path / "spaces.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("config.json", "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(b" " * 1_000_000)
        archive.writestr("model.weights.h5", b"")
    refused(tmp_path / "spaces.keras", "too large", "300,000,000 bytes")
    assert memory_of_reading(tmp_path / "spaces.keras") < 200_000_000
    for name, text in {
        "deep": '{"class_name": ' + "[" * 20_000 + "]" * 20_000 + "}",
        "less_deep": '{"class_name": ' + "[" * 150 + "]" * 150 + "}",
        "wide": '{"class_name": [' + "[]," * 1_000_000 + "[]]}",
        "number": '{"class_name": ' + "9" * 100_000 + "}",
        "no_json": "{'class_name'",
        "no_model": '{"class_name": 7, "config": {}}',
        "nothing": "{}",
    }.items():
        path = zipped(tmp_path / f"{name}.keras", {"config.json": text.encode(), "model.weights.h5": empty_hdf5()})
        refused(path, "without end" if name in ("deep", "less_deep", "wide") else "")
        if name in ("deep", "no_model"):
            refused(old_file_with(tmp_path / f"{name}.h5", text))
            (tmp_path / f"{name}.json").write_text(text)
            refused(tmp_path / f"{name}.json")


def empty_hdf5():
    """The bytes of an HDF5 file without anything in it."""
    content = io.BytesIO()
    h5py.File(content, "w").close()
    return content.getvalue()


def old_file_with(path, text):
    """A `.h5` model file with this configuration."""
    old_file(path, [])
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = text
    return path


def test_weights_that_inflate_without_end(tmp_path):
    """Catches a .keras whose weights are a few kB that inflate to gigabytes, or lie about their length."""
    path = saved(small_generator(layers.Activation("tanh")), tmp_path / "g.keras")
    members = unzipped(path)
    members["model.weights.h5"] = bytes(500_000_000)
    refused(zipped(tmp_path / "zeros.keras", members, zipfile.ZIP_DEFLATED), "too large")
    assert memory_of_reading(tmp_path / "zeros.keras") < 200_000_000
    members["model.weights.h5"] = bytes(50_000_000)
    content = bytearray(zipped(tmp_path / "lies.keras", members, zipfile.ZIP_DEFLATED).read_bytes())
    length = (50_000_000).to_bytes(4, "little")
    for _ in range(content.count(length)):
        start = content.index(length)
        content[start : start + 4] = (100).to_bytes(4, "little")
    (tmp_path / "lies.keras").write_bytes(content)
    refused(tmp_path / "lies.keras", "damaged")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashes the HDF5 library (signal 11)"),
        ("import time; time.sleep(30)", "busy without end"),
        ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass", "busy without end"),
        ("import sys; sys.stdout.buffer.write(b'\\xff' * 100)", "damaged"),
        ("print('[')", "damaged"),
        ("import os; os._exit(3)", "exit code 3"),
    ],
)
def test_a_reading_process_that_ends_badly(code, words, tmp_path, monkeypatch):
    """Catches a crash, a hang or nonsense in the reading process that becomes a traceback, a hang or a picture."""
    path = saved(small_generator(layers.Activation("tanh")), tmp_path / "g.h5")
    (tmp_path / "child.py").write_text(code)
    monkeypatch.setattr(reading, "CHILD", tmp_path / "child.py")
    monkeypatch.setattr(reading, "SECONDS", 3)
    refused(path, words)


def test_what_is_no_ordinary_file(tmp_path):
    """Catches a pipe, a device or a folder that is waited for or read without end."""
    os.mkfifo(tmp_path / "pipe.h5")
    refused(tmp_path / "pipe.h5", "no ordinary file")
    refused(pathlib.Path("/dev/zero"), "no ordinary file")
    refused(pathlib.Path(str(tmp_path / "a\0b.h5")), "cannot be opened")
    refused(tmp_path / ("long" * 1000), "")
