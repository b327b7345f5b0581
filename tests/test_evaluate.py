"""evaluate.py: the library's own numbers on the right pictures, what a copy is, and the lines that errors end in.

The Inception network here has random weights: whether it was wired right shows as well. Where torch-fidelity is not
installed (requirements-evaluate.txt), only the tests that need none run.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import types
import urllib.error

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import evaluate
import samples
from support.data.shapes import draw_shapes
from support.scores import copies, generated_files, inception, quick_distance
from support.scores.copies import are_copies, copied_shares
from support.system.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent
WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
needs_torch_fidelity = pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is None, reason="torch-fidelity is not installed"
)


def shapes(count, seed, size=16):
    """Draw shapes, uint8 `(count, size, size, 3)`."""
    return draw_shapes(count, size, size, 3, seed)[0]


def real_file(path, pictures):
    """Save real pictures as `--data` takes them."""
    np.savez(path, x_train=pictures)
    return path


def array_file(path, pictures):
    """Save generated pictures as samples.py does."""
    np.savez(path, pictures)
    return path


def folder(path, pictures):
    """Save pictures as PNGs in a folder."""
    path.mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f"{index:05d}.png")
    return path


def run(*arguments):
    """Run evaluate.py in this process."""
    evaluate.main([str(argument) for argument in arguments])


def scores_of(tmp_path, *arguments):
    """Run evaluate.py and return the scores that it writes as JSON."""
    run(*arguments, "--json", tmp_path / "scores.json")
    return json.loads((tmp_path / "scores.json").read_text())["scores"]


def refused(capsys, *arguments):
    """Run evaluate.py and return the one line on stderr with which it ends."""
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("evaluate.py: ") and captured.err.count("\n") == 1
    return captured.err


# Copies


def test_what_a_copy_is_by_hand():
    """Would catch "less" for "at most half", the two distances exchanged, and a copy of the only picture there is."""
    distances = np.array([[1.0, 2.0], [1.01, 2.0], [0.0, 50.0], [0.0, 0.0], [40.0, 41.0], [5.0, np.inf]])
    assert are_copies(distances).tolist() == [True, False, True, True, False, False]


def test_shares_of_copies_by_hand():
    """Would catch real pictures that count as their own neighbours, and shares of the wrong pictures.

    Of the pictures, 10 lies 10 and 90 from the nearest and the second, 0 lies 0 and 100: copies; 45 (45, 55) and 150
    (40, 50) are none. Of the real ones, 0 lies 100 and 190 from the others, 100 lies 90 and 100: none; 190 lies 90 and
    190 from them, and 90 is less than the half.
    """
    pictures, real = (
        np.array(levels, "uint8")[:, None, None, None] * np.ones((1, 8, 8, 1), "uint8")
        for levels in ([10, 45, 150, 0], [0, 100, 190])
    )
    share, expected, looked_at = copied_shares(pictures, real)
    assert share == 0.5 and expected == pytest.approx(1 / 3) and looked_at == 4


def test_copies_are_found_and_new_pictures_are_not():
    """Would catch mirrored copies that pass, and dull pictures, near to all and copies of none, that do not."""
    real, held_out = np.split(shapes(900, seed=0), [600])
    noise = np.random.default_rng(1).normal(0, 4, (300, 16, 16, 3))
    copies = np.clip(real[:300, :, ::-1] + noise, 0, 255).astype("uint8")
    assert copied_shares(copies, real)[0] > 0.97
    share, expected, _ = copied_shares(held_out, real)
    assert share < 0.03 and abs(share - expected) < 0.02
    dull = (held_out * 0.4 + held_out.mean(axis=(1, 2, 3), keepdims=True) * 0.6).astype("uint8")
    assert copied_shares(dull, real)[0] < 0.01


def test_of_many_pictures_some_are_looked_at(monkeypatch):
    """Would catch a choice that leaves out the later pictures, and one that ignores the seed or the limits."""
    real = shapes(40, seed=0)
    pictures = np.concatenate([real[:30], shapes(30, seed=1)])  # the first half copies
    monkeypatch.setattr(copies, "MOST_LOOKED_AT", 20)
    shares = {copied_shares(pictures, real, seed)[0] for seed in range(8)}
    assert len(shares) > 1 and all(0.15 < share < 0.9 for share in shares)
    assert copied_shares(pictures, real)[2] == 20
    monkeypatch.setattr(copies, "MOST_LOOKED_AT", 1000)
    monkeypatch.setattr(copies, "MOST_BYTES", 1)
    assert copied_shares(shapes(150, seed=2), real)[2] == 100


# --quick, and where the pictures come from


def test_quick_prints_two_measures(tmp_path, capsys):
    """Would catch generated and real pictures that are exchanged: the distance is divided by the real ones' spread."""
    fakes, real = shapes(30, seed=1), shapes(60, seed=2)
    sources = array_file(tmp_path / "fake.npz", fakes), "--data", real_file(tmp_path / "real.npz", real), "--quick"
    scores = scores_of(tmp_path, *sources)
    assert scores["quick distance"] == quick_distance.QuickDistance(real)(fakes)
    assert set(scores) == {"quick distance", "copies", "copies expected"}
    printed = capsys.readouterr().out
    assert f"{scores['quick distance']:.3f}  lower is better" in printed
    assert "30 pictures at 16x16" in printed and "60 pictures at 16x16" in printed and "no Inception" in printed
    assert evaluate.QuickDistance is quick_distance.QuickDistance


def test_an_array_and_a_folder_of_the_same_pictures_score_the_same(tmp_path):
    """Would catch pictures of a folder that are resized, converted, left out or doubled."""
    fakes = shapes(24, seed=1)
    data = "--data", real_file(tmp_path / "real.npz", shapes(60, seed=2)), "--quick"
    as_array = scores_of(tmp_path, array_file(tmp_path / "fake.npz", fakes), *data)
    assert scores_of(tmp_path, folder(tmp_path / "fakes", fakes), *data) == as_array
    assert scores_of(tmp_path, array_file(tmp_path / "copies.npz", shapes(60, seed=2)), *data)["copies"] == 1.0


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_folders_of_every_kind(mode, tmp_path):
    """Would catch grey pictures that get three channels, and with them real pictures in colour beside them."""
    picture = Image.fromarray(shapes(1, seed=0)[0]).convert(mode)
    (tmp_path / "fakes").mkdir()
    picture.save(tmp_path / "fakes" / "0.png")
    read = generated_files.read_pictures(tmp_path / "fakes")
    expected = np.asarray(picture.convert("RGB") if mode == "P" else picture)
    np.testing.assert_array_equal(read, expected.reshape(1, 16, 16, -1))


def test_n_pictures_are_chosen_from_all(tmp_path):
    """Would catch the first n: in a folder that is sorted by class these are of one class."""
    pictures = np.arange(200, dtype="uint8")[:, None, None, None] * np.ones((1, 8, 8, 1), "uint8")
    path = array_file(tmp_path / "fake.npz", pictures)
    chosen = generated_files.read_pictures(path, 50, seed=3)[:, 0, 0, 0]
    assert len(set(chosen)) == 50 and chosen.max() > 150
    assert set(chosen) != set(generated_files.read_pictures(path, 50, seed=4)[:, 0, 0, 0])


def generator_file(path, classes=0):
    """Save a generator of random pictures (8, 8, 3), or of class k in the one colour k / 10 - 0.5."""
    keras.utils.set_random_seed(1)
    noise = keras.Input((4,), name="noise")
    if not classes:
        x = layers.Dense(192, kernel_initializer=keras.initializers.RandomNormal(stddev=0.5), activation="tanh")(noise)
        keras.Model(noise, layers.Reshape((8, 8, 3))(x)).save(path)
        return path
    number = keras.Input((1,), dtype="int32", name="class")
    embedding = layers.Embedding(classes, 1)
    nothing = layers.Dense(1, kernel_initializer="zeros")(noise)
    x = layers.Dense(192, kernel_initializer="ones")(layers.Add()([layers.Flatten()(embedding(number)), nothing]))
    model = keras.Model([noise, number], layers.Reshape((8, 8, 3))(x))
    embedding.set_weights([np.arange(classes)[:, None] / 10 - 0.5])
    model.save(path)
    return path


def test_a_generator_draws_what_samples_draws(tmp_path, capsys):
    """Would catch other noise, another seed, and batches that are left unfilled or overlap."""
    path = generator_file(tmp_path / "g.h5")
    data = "--data", real_file(tmp_path / "real.npz", shapes(60, seed=2, size=8)), "--quick"
    scores = scores_of(tmp_path, path, *data, "--n", 23, "--seed", 5, "--batch", 7)
    assert "23 of them, seed 5" in capsys.readouterr().out
    samples.main([str(path), "--n", "23", "--seed", "5", "--batch", "7", "--out", str(tmp_path / "fake.npz")])
    assert scores_of(tmp_path, tmp_path / "fake.npz", *data, "--seed", 5) == scores
    assert scores_of(tmp_path, path, *data, "--n", 23, "--seed", 6) != scores


@pytest.mark.parametrize("name", ["generator", "generator.zip", "generator.npz"])
def test_the_content_decides_what_a_file_is(tmp_path, name):
    """Would catch a generator whose ending is missing or wrong, and that is then read as pictures."""
    path = generator_file(tmp_path / "generator.h5")
    renamed = path.rename(tmp_path / name)
    data = "--data", real_file(tmp_path / "real.npz", shapes(60, seed=2, size=8)), "--quick"
    assert set(scores_of(tmp_path, renamed, *data, "--n", 60)) == {"quick distance", "copies", "copies expected"}


def test_what_the_user_says_of_a_generator_counts(tmp_path):
    """Would catch flags that evaluate.py takes and forgets: with --range 0:255 the small values are all black."""
    path = generator_file(tmp_path / "generator.h5")
    told = ["--noise", "uniform", "--range", "0:255"]
    data = "--data", real_file(tmp_path / "real.npz", shapes(60, seed=2, size=8)), "--quick"
    samples.main([str(path), "--n", "60", *told, "--out", str(tmp_path / "fake.npz")])
    assert np.load(tmp_path / "fake.npz")["arr_0"].max() <= 1
    assert scores_of(tmp_path, path, *data, "--n", 60, *told) == scores_of(tmp_path, tmp_path / "fake.npz", *data)


@pytest.mark.parametrize("told", ["--noise=uniform", "--range=0:255", "--one-hot=3"])
def test_what_is_said_of_a_generator_is_refused_with_pictures(tmp_path, capsys, told):
    """Would catch a flag that changes nothing, and lets a user believe that it did."""
    flag = told.partition("=")[0]
    assert f"{flag} has no meaning with" in refused(
        capsys, array_file(tmp_path / "f.npz", shapes(20, 1)), told, "--quick"
    )


def test_a_generator_is_compared_with_what_it_was_trained_on(tmp_path):
    """Would catch shapes measured against photographs because they have the same size, clothes against digits, and own
    pictures asked for although the run beside the generator knows them."""

    def found(settings, folder="nowhere", shape=(32, 32, 3)):
        opened = types.SimpleNamespace(settings=settings, picture_shape=shape)
        return evaluate.data_of(pathlib.Path(folder) / "generator_e001.h5", opened)

    kept = [{"data": "fashion_mnist", "preset": "mnist"}, {"preset": "shapes"}, {"preset": "modern"}, {}]
    assert [found(settings) for settings in kept] == ["fashion_mnist", "shapes", "cifar10", "cifar10"]
    own = {"data": None, "preset": "shapes"}
    for settings in (own, {"preset": "folder"}, {"preset": "cars"}):
        with pytest.raises(InputError, match="--data is missing"):
            found(settings)
    with pytest.raises(InputError, match="--data is missing"):
        found({}, shape=(8, 8, 3))
    (tmp_path / "training_logs").mkdir()
    (tmp_path / "training_logs/settings.json").write_text('{"data": "my_pictures"}')
    assert found(own, tmp_path) == "my_pictures" and found(kept[0], tmp_path) == "fashion_mnist"


def test_a_generator_of_shapes_is_compared_with_shapes(tmp_path, capsys):
    """Would catch a default that is known and not used."""
    path = generator_file(tmp_path / "generator.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["gan"] = json.dumps({"preset": "shapes", "data": "shapes"})
    run(path, "--quick", "--n", 60)
    assert "real       10,000 pictures at 8x8" in capsys.readouterr().out


def test_classes_are_drawn_evenly(tmp_path):
    """Would catch one class only, or classes that do not take turns across batches."""
    generator = samples.open_generator(generator_file(tmp_path / "c.h5", classes=3))
    drawn = evaluate.draw_pictures(samples, generator, 12, 0, 5)
    colours = [round((number / 10 + 0.5) * 127.5) for number in (0, 1, 2)] * 4
    assert drawn[:, 0, 0, 0].tolist() == colours and drawn.shape == (12, 8, 8, 3)


def test_quick_needs_neither_torch_nor_keras(tmp_path):
    """Would catch an import at the top: of torch, which few have, or of Keras, which arrays and folders do not need."""
    fakes, real = array_file(tmp_path / "f.npz", shapes(20, 1)), real_file(tmp_path / "r.npz", shapes(20, 2))
    code = (
        "import sys; sys.modules.update(torch=None, torch_fidelity=None, torchvision=None); import evaluate; "
        f"evaluate.main([{str(fakes)!r}, '--data', {str(real)!r}, '--quick']); print('keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "False" and "quick distance" in done.stdout


# Errors


def test_what_a_person_can_get_wrong(tmp_path, capsys):
    """Would catch a traceback, a message without the value received, and a distance of pictures of different sizes."""
    fakes = array_file(tmp_path / "fake.npz", shapes(20, 1))
    real = real_file(tmp_path / "real.npz", shapes(20, 2, size=24))
    few = array_file(tmp_path / "few.npz", shapes(9, 1))
    tiny = array_file(tmp_path / "tiny.npz", np.zeros((20, 4, 4, 3), "uint8"))
    floats = array_file(tmp_path / "floats.npz", np.zeros((20, 8, 8, 3), "float32"))
    pickled = array_file(tmp_path / "pickled.npz", np.array([{}], object))
    mixed = folder(tmp_path / "mixed", shapes(3, 1))
    Image.new("RGB", (20, 16)).save(mixed / "1.png")
    broken = folder(tmp_path / "broken", shapes(3, 1))
    (broken / "2.png").write_bytes((broken / "00001.png").read_bytes()[:60])
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "cut.npz").write_bytes(fakes.read_bytes()[:200])

    def line(*arguments):
        return refused(capsys, *arguments, "--quick")

    assert "argument --n: received '0'; give a whole number from 1 up" in line(fakes, "--n", 0)
    assert "unrecognized arguments: --fid" in line(fakes, "--fid")
    assert "none.npz: there is no such file; give a generator" in line(tmp_path / "none.npz")
    assert "none.h5: there is no such file" in line(tmp_path / "none.h5")
    assert "text.txt: this is none of them; give a generator (.h5, .keras), an .npz" in line(tmp_path / "text.txt")
    assert "cut.npz cannot be read as an .npz" in line(tmp_path / "cut.npz")
    assert "pickled.npz cannot be read as an .npz" in line(pickled)
    odd = tmp_path / "odd.npz"
    np.savez(odd, faces=shapes(20, 1), names=np.arange(20))
    assert "odd.npz has no pictures under a usual name, x_train or arr_0 (it holds faces, names)" in line(odd)
    assert "arr_0 in" in line(floats) and "is float32 (20, 8, 8, 3)" in line(floats)
    assert "--n 30: " in line(fakes, "--n", 30) and "holds 20 pictures" in line(fakes, "--n", 30)
    assert "few.npz gives 9 pictures, too few to judge; give 10 or more" in line(few)
    assert "tiny.npz gives pictures of 4x4" in line(tiny)
    assert "1.png is 16x20 and the first picture is 16x16 (height x width)" in line(mixed)
    assert "2.png does not decode" in line(broken)
    size = line(fakes, "--data", real)
    assert "is 24x24x3 (height x width x channels) and the generated pictures are 16x16x3; give the pictures" in size
    assert "no such file or folder: nowhere; give --data" in line(fakes, "--data", "nowhere")
    few_real = real_file(tmp_path / "few_real.npz", shapes(4, 2))
    assert "few_real.npz gives 4 pictures, too few" in line(fakes, "--data", few_real)
    assert "there is no such folder" in line(fakes, "--json", tmp_path / "none" / "scores.json")
    assert not (tmp_path / "none").exists()


def test_more_pictures_than_memory(monkeypatch):
    """Would catch a process that the system kills after an hour of drawing, and a proposal that does not fit either."""
    monkeypatch.setattr("support.system.memory.free_memory", lambda: 10_000_000)
    with pytest.raises(InputError, match="--n 200000 pictures take 0.0 GB") as caught:
        evaluate.refuse_too_many((200_000, 8, 8, 3))
    assert "--n 26041 would fit" in str(caught.value)  # half of 10 MB / 192 bytes
    evaluate.refuse_too_many((50_000, 8, 8, 3))


def test_without_torch_fidelity(tmp_path, monkeypatch, capsys):
    """Would catch a traceback, or a line without the two ways on."""
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    fakes = array_file(tmp_path / "fake.npz", shapes(20, 1))
    message = refused(capsys, fakes, "--data", real_file(tmp_path / "real.npz", shapes(20, 2)))
    assert "pip install -r requirements-evaluate.txt" in message and "--quick" in message


# The published measures


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Save random weights of the very network, as large as keep the signal alive through all layers."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class WithoutWeights(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_):
            pass

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({}, path)
    network = WithoutWeights("random", ["2048"], feature_extractor_weights_path=path)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def narrow(monkeypatch):
    """Have all measures take the 192 features of the network's first layers: seconds instead of minutes."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Inception

    monkeypatch.setattr(Inception, "get_default_feature_layer_for_metric", staticmethod(lambda metric: "192"))
    monkeypatch.setattr(inception, "KID_SUBSETS", 5)


@needs_torch_fidelity
def test_the_same_pictures_score_zero_and_others_do_not(weights, narrow):
    """Would catch exchanged channels, a wrong value range and a resize before the network's own: each moves FID."""
    real = shapes(24, seed=1, size=32)

    def fid_and_kid(pictures):
        found = inception.inception_scores(pictures, real, weights, batch=10)
        return found["frechet_inception_distance"], found["kernel_inception_distance_mean"], found

    fid, kid, found = fid_and_kid(real)
    mirrored = fid_and_kid(real[:, :, ::-1])[0]
    assert abs(fid) < 1e-3 * mirrored and kid <= 0.0  # KID of equal sets: their own pairs are left out, so below 0
    assert found["precision"] == found["recall"] == 1.0
    resized = np.stack([np.asarray(Image.fromarray(picture).resize((299, 299))) for picture in real])
    for changed in (real[..., ::-1], real // 2, (real // 128 * 255).astype("uint8"), resized):
        changed_fid, changed_kid, _ = fid_and_kid(changed)
        assert changed_fid > 10 * abs(fid) and changed_fid > 1e-3
        assert changed_kid > kid


@needs_torch_fidelity
def test_the_numbers_are_the_librarys_own(weights, tmp_path, monkeypatch):
    """Would catch pictures that reach the library in another order of channels or axes, another protocol than the
    papers', and generated and real pictures that are exchanged."""
    import torch_fidelity

    fakes, real = shapes(12, seed=1, size=32), shapes(14, seed=2, size=32)
    data = "--data", real_file(tmp_path / "real.npz", real), "--inception-weights", weights
    scores = scores_of(tmp_path, array_file(tmp_path / "fake.npz", fakes), *data)
    expected = torch_fidelity.calculate_metrics(
        input1=str(folder(tmp_path / "fakes", fakes)),
        input2=str(folder(tmp_path / "reals", real)),
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        kid_subset_size=12,
        cuda=False,
        verbose=False,
    )
    names = {
        "FID": "frechet_inception_distance",
        "KID": "kernel_inception_distance_mean",
        "KID spread": "kernel_inception_distance_std",
        "Inception score": "inception_score_mean",
        "Inception score spread": "inception_score_std",
        "precision": "precision",
        "recall": "recall",
    }
    assert {name: scores[name] for name in names} == {name: expected[theirs] for name, theirs in names.items()}


@needs_torch_fidelity
def test_a_generator_through_torch_and_tensorflow_in_one_process(weights, tmp_path):
    """Would catch TensorFlow started before torch, which crashes Python where torch brought triton."""
    path = generator_file(tmp_path / "g.h5")
    real = real_file(tmp_path / "real.npz", shapes(12, seed=2, size=8))
    keys = (
        "frechet_inception_distance kernel_inception_distance_mean kernel_inception_distance_std inception_score_mean"
    )
    code = f"""if True:
        import evaluate
        numbers = dict.fromkeys("{keys} inception_score_std precision recall".split(), 1.25)
        evaluate.inception.inception_scores = lambda *_: numbers
        evaluate.main([{str(path)!r}, "--data", {str(real)!r}, "--n", "12", "--inception-weights", {str(weights)!r}])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "1.25000 ± 1.25000" in done.stdout, done.stderr


@needs_torch_fidelity
def test_grey_and_transparent_pictures(tmp_path):
    """Would catch grey in one channel only, axes in Keras' order, and what is transparent in black."""
    grey, alpha = np.full((1, 8, 9, 1), 7, "uint8"), np.zeros((1, 8, 9, 4), "uint8")
    bar = types.SimpleNamespace(n=0, update=lambda count: None)
    tensor = inception.torch_pictures(grey, bar)[0]
    assert tensor.shape == (3, 8, 9) and (tensor == 7).all() and str(tensor.dtype) == "torch.uint8"
    assert (inception.torch_pictures(alpha, bar)[0] == 255).all()
    colour = np.arange(216, dtype="uint8").reshape(1, 8, 9, 3)
    assert inception.torch_pictures(colour, bar)[0][1, 2, 3] == colour[0, 2, 3, 1]


@needs_torch_fidelity
def test_weights_that_are_no_weights(tmp_path, weights, capsys):
    """Would catch a traceback after hours of drawing, and code in a file that is run."""
    import torch

    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_run"),)

    torch.save(Code(), tmp_path / "code.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "cut.pth").write_bytes(weights.read_bytes()[:10_000])
    fakes = array_file(tmp_path / "fake.npz", shapes(20, 1))
    data = "--data", real_file(tmp_path / "real.npz", shapes(20, 2))
    for name in ("code", "other", "cut"):
        message = refused(capsys, fakes, *data, "--inception-weights", tmp_path / f"{name}.pth")
        assert f"{name}.pth does not hold the weights" in message and WEIGHTS in message
    assert not (tmp_path / "was_run").exists()
    message = refused(capsys, fakes, *data, "--inception-weights", tmp_path / "none.pth")
    assert "none.pth: there is no such file" in message and WEIGHTS in message


@needs_torch_fidelity
def test_weights_are_downloaded_once_or_the_line_says_where_to_put_them(tmp_path, weights, monkeypatch):
    """Would catch a traceback without internet, a place that is not looked in, and a download that is not needed."""
    import torch

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / WEIGHTS

    def no_internet(url, path, progress):
        assert url.endswith(f"/{WEIGHTS}") and path == str(place)
        raise urllib.error.URLError("no internet")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_internet)
    with pytest.raises(InputError) as caught:
        inception.find_weights()
    message = str(caught.value)
    assert message.startswith(f"{WEIGHTS} could not be downloaded") and f"put that file to {place}" in message
    assert "--inception-weights PATH" in message and "\n" not in message
    place.write_bytes(weights.read_bytes())
    assert inception.find_weights() == place
