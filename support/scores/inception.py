"""The measures that use the Inception network. torch-fidelity computes them; this file gives it the pictures."""

import contextlib
import pathlib
import sys

import numpy as np
from tqdm import tqdm

from support.data.decoding import to_mode
from support.drawing.grid import to_image
from support.system.errors import InputError

NETWORK = "inception-v3-compat"  # the network of 2015 that the papers use, with the same resizing
FID_PICTURES = 50_000  # generated ones in the papers
KID_SUBSETS, KID_SUBSET = 100, 1000
INCEPTION_SCORE_SPLITS = 10
NEIGHBOURS = 3  # of precision and recall
DISTANCES_AT_ONCE = 1000  # x all pictures: 200 MB for 50,000


def import_torch_fidelity():
    """Import torch-fidelity and torch.

    Returns:
        `(torch, torch_fidelity)`.

    Raises:
        InputError: If one of them is missing, or its import fails.
    """
    try:
        import torch
        import torch_fidelity
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError, OSError: torchvision does not fit torch
        raise InputError(
            f"FID and its like need torch-fidelity, which does not start here ({first_line(error)}); "
            "pip install -r requirements-evaluate.txt, or add --quick, which needs neither it nor a download"
        ) from None
    return torch, torch_fidelity


def first_line(error):
    """Return the first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0][:150]


def find_weights(path=None):
    """Find the weights of the Inception network; download them if they are missing.

    Args:
        path: A file; or None for the place where torch stores its downloads.

    Returns:
        `pathlib.Path` of a file that the network can load.

    Raises:
        InputError: If the file is missing, cannot be downloaded, or is no file of these weights.
    """
    torch, _ = import_torch_fidelity()
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

    name = URL_INCEPTION_V3.rsplit("/", 1)[1]
    if path is None:
        path = pathlib.Path(torch.hub.get_dir(), "checkpoints", name)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            print(f"downloading {URL_INCEPTION_V3} (90 MB, once)", flush=True)
            try:
                torch.hub.download_url_to_file(URL_INCEPTION_V3, str(path), progress=sys.stderr.isatty())
            except (OSError, ValueError) as error:  # urllib's and http's errors are OSErrors
                raise InputError(
                    f"{name} could not be downloaded ({first_line(error)}); put that file to {path}, "
                    "or say where it is with --inception-weights PATH; --quick needs no download"
                ) from None
    elif not pathlib.Path(path).is_file():
        raise InputError(f"--inception-weights {path}: there is no such file; give the path of {name}")
    # torch-fidelity opens the file only after the long drawing, so test it now. Also, torch-fidelity would run code
    # that is hidden in the file; weights_only refuses such a file.
    try:
        torch.load(path, map_location="cpu", weights_only=True)
        FeatureExtractorInceptionV3(NETWORK, ["2048"], feature_extractor_weights_path=str(path))
    except Exception as error:  # zipfile, pickle and torch have their own errors
        raise InputError(
            f"{path} does not hold the weights of this Inception network ({first_line(error)}); "
            f"take the file {name} from {URL_INCEPTION_V3.rsplit('/', 1)[0]}"
        ) from None
    return pathlib.Path(path)


def torch_pictures(images, bar):
    """Wrap pictures for torch-fidelity: a torch Dataset of uint8 tensors `(3, height, width)`.

    Grey pictures get three equal channels; transparent ones get a white background.

    Args:
        images: An object with a length that returns uint8 `(m, height, width, channels)` for m positions.
        bar: The progress bar; it moves when a picture is read.
    """
    import torch

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(images)

        def __getitem__(self, index):
            bar.update(index + 1 - bar.n)  # torch-fidelity reads the first picture twice
            picture = np.asarray(to_mode(to_image(images[[index]][0]), "RGB"))
            return torch.from_numpy(picture.transpose(2, 0, 1).copy())

    return Pictures()


def inception_scores(pictures, real, weights, batch):
    """Compute Inception score, FID, KID, precision and recall.

    Args:
        pictures: The pictures to judge, as in `torch_pictures`.
        real: The real ones, in the same form.
        weights: Path of the Inception network's weights.
        batch: How many pictures go through the network at once.

    Returns:
        torch-fidelity's dictionary from a measure's name to its value.
    """
    torch, torch_fidelity = import_torch_fidelity()
    with contextlib.ExitStack() as stack:

        def wrapped(images, kind):
            bar = tqdm(total=len(images), desc=kind, unit=" pictures", leave=False, disable=None)
            return torch_pictures(images, stack.enter_context(bar))

        return torch_fidelity.calculate_metrics(
            input1=wrapped(pictures, "generated"),
            input2=wrapped(real, "real"),
            isc=True,
            fid=True,
            kid=True,
            prc=True,
            feature_extractor=NETWORK,
            feature_extractor_weights_path=str(weights),
            isc_splits=INCEPTION_SCORE_SPLITS,
            kid_subsets=KID_SUBSETS,
            kid_subset_size=kid_subset_size(pictures, real),
            prc_neighborhood=NEIGHBOURS,
            prc_batch_size=DISTANCES_AT_ONCE,
            batch_size=batch,
            cuda=torch.cuda.is_available(),
            save_cpu_ram=True,  # precision and recall in blocks, and no extra reading processes
            verbose=False,
        )


def kid_subset_size(pictures, real):
    """Return the number of pictures in a subset of KID: that of the papers, or all if there are fewer."""
    return min(KID_SUBSET, len(pictures), len(real))


def protocol(pictures, real, weights):
    """Return lines of text that describe the measurement. The arguments are those of `inception_scores`."""
    torch, torch_fidelity = import_torch_fidelity()
    few = f"; fewer than the papers' {FID_PICTURES:,}, so it comes out larger" if len(pictures) < FID_PICTURES else ""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return [
        f"torch-fidelity {torch_fidelity.__version__}, torch {torch.__version__}, on {device}",
        f"Inception: {NETWORK}, {weights.name}, pictures resized to 299x299 as TensorFlow 1 did (bilinear)",
        f"FID: {len(pictures):,} generated and {len(real):,} real pictures, 2048 features{few}",
        f"KID: {KID_SUBSETS} subsets of {kid_subset_size(pictures, real):,}, polynomial kernel of degree 3",
        f"Inception score: {INCEPTION_SCORE_SPLITS} splits of the generated pictures",
        f"precision, recall: neighbour {NEIGHBOURS} of all pictures, the same 2048 features (not VGG-16's)",
    ]
