"""The classes of picture files: one folder a class, or the labels that a `dataset.json` gives."""

import json
import re

import numpy as np

from support.data.kinds import folders_and_file

MOST_BYTES = 2**26  # of a file of labels: a label takes about 40 bytes, so it is for more than a million pictures
# Words in the names of folders that hold parts of one set, not kinds of picture: what the pictures are used for, ...
FOR_TRAINING = {"train", "training", "trainset", "trainval"}
FOR_TESTS = {"test", "tests", "testing", "testset", "val", "valid", "validation", "valset", "dev", "eval", "evaluation"}
FOR_TESTS |= {"holdout", "pred"}
USES = FOR_TRAINING | FOR_TESTS | {"unlabeled", "unlabelled"}
# ... the pictures and what belongs to them, ...
PICTURES = {"image", "images", "img", "imgs", "jpeg", "picture", "pictures", "photo", "photos", "original", "originals"}
PICTURES |= {"raw", "full", "rgb"}
BESIDE_PICTURES = {"mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "trimap", "trimaps"}
BESIDE_PICTURES |= {"thumb", "thumbs", "thumbnail", "thumbnails", "augmented", "resized", "depth", "edges", "gt"}
# ... and numbered ones, so that no folder gets too full. Cameras make 100APPLE, 101APPLE, ...
NUMBERED = re.compile(r"(part|shard|chunk|batch|split|fold|folder|dir|images?|img|imgs|data|set|group)?[-_ ]?\d+")
OF_A_CAMERA = re.compile(r"\d{3}[A-Z_]{2}[A-Z0-9_]{3}")


def words_of(name):
    """Split a name into its words in lower case: "JPEGImages" is {"jpeg", "images"}, "train2017" {"train"}."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def are_parts(names):
    """Say whether folders of these names are parts of one set: `train` and `test`, `00000` and `01000`, `part-1`.

    Folders `0` to `9`, or `1` to `102`, are classes in many data sets. So bare numbers are taken for parts only if they
    are filled up with zeros to three digits or more. `train` alone may be a vehicle: it counts beside a `test`, or if
    all names have such a word.
    """
    words = [words_of(name) for name in names]
    if all(some & USES for some in words) or (union(words) & FOR_TRAINING and union(words) & FOR_TESTS):
        return True
    pictures_and_more = union(words) & PICTURES and union(words) & BESIDE_PICTURES
    if pictures_and_more and all(some & (PICTURES | BESIDE_PICTURES) for some in words):
        return True
    if all(re.fullmatch(OF_A_CAMERA, name) for name in names):
        return True
    names = [name.lower() for name in names]
    if all(re.fullmatch(r"\d{3,}", name) for name in names):
        return len({len(name) for name in names}) == 1 and any(name.startswith("0") for name in names)
    if all(re.fullmatch(r"[0-9a-f]{2,3}", name) for name in names):  # the beginning of each file's name or sum
        return len(names) >= 16 and any(re.search("[a-f]", name) for name in names)
    return all(re.fullmatch(NUMBERED, name) and not name.isdigit() for name in names)


def union(sets):
    """Return what is in any of these sets."""
    return set().union(*sets)


def classes_by_folder(names):
    """Find the classes: each folder is one class, with all its subfolders.

    Folders that contain all pictures (`my-download/train/`) are skipped first; so are `train/`, `test/` and the like,
    if in each of them there is a folder for each class.

    Args:
        names: Paths of the pictures.

    Returns:
        `(class_names, labels, doubt)`: sorted names and an int32 array `(n,)`; or None and None unless all pictures are
        in two or more such folders. `doubt` is None, or says why these are probably no classes, or why there are none.
    """
    folders = [folders_and_file(name)[:-1] for name in names]
    depth = shared_depth(folders)
    folders = [folder[depth:] for folder in folders]
    own_folders = [folder[0] for folder in folders if folder]
    loose = [name for name, folder in zip(names, folders, strict=True) if not folder]
    if loose:
        several = len(set(own_folders)) > 1 and len(loose) < len(own_folders)
        beside = f"{len(loose):,} pictures lie beside" if len(loose) > 1 else f"{loose[0]} lies beside"
        return None, None, f"{beside} the folders {some_of(own_folders)}, in none of them" if several else None
    doubt, parts = None, set(own_folders)
    if are_parts(parts):
        below = [class_below(folder, parts) for folder in folders]
        if None not in below and len(set(below)) > 1 and not are_parts(set(below)):
            own_folders = below
        else:
            doubt = f"the folders {some_of(parts)} look like parts, not classes"
            if union(map(words_of, parts)) & BESIDE_PICTURES:
                doubt += "; all of them are trained on, so give one alone"
    class_names = sorted(set(own_folders))
    number = {name: index for index, name in enumerate(class_names)}
    return class_names, np.array([number[name] for name in own_folders], "int32"), doubt


def some_of(names):
    """Name the first three."""
    names = sorted(set(names))
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def class_below(folders, parts):
    """Return the first folder on a picture's way that is no part of the set; None if there is none.

    Parts may lie in parts: `training_set/training_set/cat`. What holds nothing but pictures is no class either.
    """
    left = [folder for folder in folders if folder not in parts and not words_of(folder) & USES]
    return left[0] if left and not words_of(left[0]) <= PICTURES else None


def shared_depth(folders):
    """Count the folders that contain all pictures."""
    depth = 0
    while all(len(folder) > depth and folder[depth] == folders[0][depth] for folder in folders):
        depth += 1
    return depth


def classes_by_labels(text, names):
    """Find the classes in the text of a `dataset.json`, whose names begin where the file itself lies.

    Args:
        text: The text, or bytes.
        names: Paths of the pictures, as seen from that place.

    Returns:
        `(class_names, labels)`, as `classes_by_folder` returns them; None and None if the file gives no labels.

    Raises:
        ValueError: If it is no such file, or a picture has no label in it, or one that is no class.
    """
    try:
        about = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    rows = about.get("labels") if isinstance(about, dict) else None
    if not rows:
        return None, None
    try:
        found = {"/".join(folders_and_file(name)): label for name, label in rows}
        values = [found["/".join(folders_and_file(name))] for name in names]
    except KeyError as error:
        raise ValueError(f"it has no label for {error}") from None
    except (TypeError, AttributeError):
        raise ValueError('its labels are no list of ["file", class]') from None
    try:
        numbers = to_class_numbers(np.array(values))
    except (ValueError, OverflowError):
        raise ValueError("its labels are no class numbers from 0 up") from None
    present, labels = np.unique(numbers, return_inverse=True)
    if len(present) < 2:
        return None, None
    return [str(number) for number in present], labels.reshape(-1).astype("int32")


def to_class_numbers(labels, most=65_535):
    """Turn labels into class numbers.

    Args:
        labels: Numbers `(n,)` or `(n, 1)`, or one-hot rows `(n, k)`, in which the class's number is the place of the 1.
        most: The largest class number.

    Returns:
        int32 array `(n,)`.

    Raises:
        ValueError: If they are something else.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    one_hot = labels.ndim == 2 and labels.dtype.kind in "biuf" and 0 < labels.shape[1] <= most and labels.size
    if one_hot and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return labels.argmax(axis=1).astype("int32")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size or labels.min() < 0 or labels.max() > most:
        raise ValueError("no class numbers")
    return labels.astype("int32")
