"""Ways in which files get damaged, for fuzz_files.py: each takes the bytes of a file and a `random.Random`.

A way for any file changes bytes. The others open the file first, so that what they change is read and not thrown out by
the first check of a sum or a length.
"""

import io
import json
import zipfile

import h5py
import numpy as np


def flip_bits(content, chance):
    """Flip a few bits anywhere."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 3, 10, 100))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def flip_bits_at_the_start(content, chance):
    """Flip a few bits where HDF5 and zip keep their tables."""
    first = min(len(content), 4096)
    return flip_bits(content[:first], chance) + content[first:]


def cut(content, chance):
    """Keep the beginning, the end, or leave out a piece."""
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    return chance.choice((content[:end], content[start:], content[:start] + content[end:]))


def swap_blocks(content, chance):
    """Exchange two blocks of equal length."""
    length = chance.choice((8, 64, 512, 2048))
    length = min(length, len(content) // 3)
    first, second = sorted(chance.sample(range(0, len(content) - length), 2))
    second = max(second, first + length)
    return (
        content[:first]
        + content[second : second + length]
        + content[first + length : second]
        + content[first : first + length]
        + content[second + length :]
    )


def zero_a_block(content, chance):
    """Overwrite a block with zeros, as a broken copy leaves them."""
    start = chance.randrange(len(content))
    length = min(chance.choice((16, 512, 4096)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def in_the_hdf5(change):
    """Make a way of damage that changes the groups and arrays of the file, or of the weights in a zip."""

    def damage(content, chance):
        if not content.startswith(b"PK"):
            return changed_hdf5(content, change, chance)
        members = unzipped(io.BytesIO(content))
        members["model.weights.h5"] = changed_hdf5(members["model.weights.h5"], change, chance)
        return zipped(members)

    damage.__doc__ = change.__doc__
    return damage


def changed_hdf5(content, change, chance):
    """Return the bytes of an HDF5 file after `change(file, chance)`."""
    place = io.BytesIO(content)
    with h5py.File(place, "r+") as file:
        change(file, chance)
    return place.getvalue()


def unzipped(file):
    """Read the members of a zip, a path or an open file. Returns a dictionary from a name to bytes."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members):
    """Return the bytes of a zip."""
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return place.getvalue()


def places_in(file, kind):
    """List the paths of all groups or arrays in an HDF5 file."""
    found = []
    file.visititems(lambda name, thing: found.append(name) if isinstance(thing, kind) else None)
    return found


def rename(file, chance):
    """Rename an array or a group."""
    place = chance.choice(places_in(file, (h5py.Dataset, h5py.Group)))
    new = chance.choice((place + "_1", place[:-1] or "x", "moved", place.replace("/", "\\")))
    if new != place and new not in file:
        file.move(place, new)


def reshape(file, chance):
    """Give an array another shape, type, or numbers that are none."""
    place = chance.choice(places_in(file, h5py.Dataset))
    values = file[place][()]
    del file[place]
    file[place] = chance.choice((*others_than(values), "words"))


def others_than(values):
    """List arrays that could stand in the place of an array by mistake."""
    return [
        values.ravel(),
        np.expand_dims(values, 0),
        values[..., :-1] if values.ndim else values,
        values.T,
        np.zeros((0,), "float32"),
        np.zeros((3, 5, 7), "int64"),
        np.full(values.shape, np.nan, "float32"),
        np.full(values.shape, 1e38, "float32"),
        values.astype("float64"),
        values.astype("complex64"),
    ]


def drop(file, chance):
    """Leave out an array, a group or an attribute."""
    if chance.random() < 0.5:
        del file[chance.choice(places_in(file, (h5py.Dataset, h5py.Group)))]
        return
    holders = [file] + [file[name] for name in places_in(file, h5py.Group)]
    holders = [holder for holder in holders if len(holder.attrs)]
    if holders:
        holder = chance.choice(holders)
        del holder.attrs[chance.choice(sorted(holder.attrs))]


OTHER_VALUES = (
    None,
    True,
    -1,
    0,
    3,
    2**31,
    2**70,
    1e300,
    float("nan"),
    "",
    "tanh",
    "../x",
    "é",
    [],
    [[]],
    [None],
    {},
) + (
    {"class_name": "Dense", "config": {}},
    {"class_name": "__lambda__", "config": {}},
    {"type": "ndarray", "value": 1},
    [1, 2, 3],
    "x" * 10_000,
)


def change_the_configuration(content, chance):
    """Put another value anywhere into the configuration, leave one out, or exchange two."""
    in_zip = content.startswith(b"PK")
    if in_zip:
        members = unzipped(io.BytesIO(content))
        text = members["config.json"]
    else:
        with h5py.File(io.BytesIO(content)) as file:
            text = file.attrs["model_config"]
    config = json.loads(text)
    for _ in range(chance.choice((1, 1, 3))):
        holders = list(containers_in(config))
        holder = chance.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            continue
        key = chance.choice(keys)
        way = chance.randrange(4)
        if way == 0:
            del holder[key]
        elif way == 1:
            other = chance.choice(holders)
            others = list(other) if isinstance(other, dict) else list(range(len(other)))
            holder[key] = json.loads(json.dumps(other[chance.choice(others)])) if others else None
        else:
            holder[key] = chance.choice(OTHER_VALUES)
    text = json.dumps(config)
    if in_zip:
        return zipped(members | {"config.json": text.encode()})

    def put(file, chance):
        file.attrs["model_config"] = text if len(text) < 60_000 else np.bytes_(text[:60_000])

    return changed_hdf5(content, put, chance)


def containers_in(value):
    """Yield all dictionaries and lists in parsed JSON."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers_in(inner)


def in_the_arrays(change):
    """Make a way of damage that changes the arrays of an .npz, a dictionary from a name to an array."""

    def damage(content, chance):
        with np.load(io.BytesIO(content)) as file:
            arrays = dict(file)
        change(arrays, chance)
        place = io.BytesIO()
        np.savez(place, **arrays)
        return place.getvalue()

    damage.__doc__ = change.__doc__
    return damage


def change_an_array(arrays, chance):
    """Give an array another shape, type, or numbers that are none."""
    name = chance.choice(sorted(arrays))
    arrays[name] = chance.choice(others_than(arrays[name]))


def rename_or_drop_an_array(arrays, chance):
    """Rename an array, leave one out, or add one."""
    name = chance.choice(sorted(arrays))
    way = chance.randrange(3)
    if way == 0:
        arrays[chance.choice((name + "_1", name[:-1] or "x", "arr_0", "é"))] = arrays.pop(name)
    elif way == 1:
        del arrays[name]
    else:
        arrays["x_test"] = arrays[name]


def change_a_member(content, chance):
    """Damage, rename or drop a file in a zip, or put it in twice; the zip's own tables and sums stay right."""
    members = unzipped(io.BytesIO(content))
    name = chance.choice(sorted(members))
    way = chance.randrange(4)
    if way == 0:
        members[name] = chance.choice((flip_bits, cut, zero_a_block))(members[name], chance)
    elif way == 1:
        new = chance.choice(
            ("x", name + ".txt", "../" + name, "/" + name, name.upper(), "é/" + name, name.replace("/", "\\"))
        )
        members[new] = members.pop(name)
    elif way == 2:
        del members[name]
    else:
        members["again/" + name] = members[name]
    return zipped(members)


ANY_FILE = {
    "bits flipped": flip_bits,
    "bits flipped in the first 4 kB": flip_bits_at_the_start,
    "cut": cut,
    "blocks swapped": swap_blocks,
    "a block of zeros": zero_a_block,
}
MODEL_FILE = ANY_FILE | {
    "arrays and groups renamed": in_the_hdf5(rename),
    "arrays of other shapes and types": in_the_hdf5(reshape),
    "arrays, groups, attributes left out": in_the_hdf5(drop),
    "configuration changed": change_the_configuration,
}
ZIP_FILE = ANY_FILE | {"a member damaged, renamed, left out": change_a_member}
NPZ_FILE = ANY_FILE | {
    "arrays of other shapes and types": in_the_arrays(change_an_array),
    "arrays renamed, left out, added": in_the_arrays(rename_or_drop_an_array),
}
