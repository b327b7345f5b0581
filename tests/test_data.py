"""The data: odd picture files, folders and archives, arrays, drawn shapes and the order of an epoch."""

import io
import math
import os
import pathlib
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

import defDATA
from defDATA import epoch_order, load_pictures, to_floats
from support import shape_pictures
from support.cifar_names import CIFAR_NAMES
from support.errors import InputError
from support.picture_files import PictureFolder, decode_picture
from support.picture_grid import to_uint8
from support.shape_pictures import SHAPE_NAMES, draw_shape, draw_shapes, two_colours

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    """Give the bytes of a Pillow image as a file of that kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(value, size=8, mode="L", kind="PNG", **options):
    """Give the bytes of a square file of one colour."""
    return encoded(Image.new(mode, (size, size), value), kind, **options)


def write_files(folder, files):
    """Write a dictionary from paths to bytes below a folder, and return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path, files, **options):
    """Write a dictionary from paths to bytes into a .zip, and return its path."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def one_colour(data, channels=3, size=8):
    """Decode a file of one colour, and return the colour after checking that it is the same everywhere."""
    picture = decode_picture(data, size, size, channels)
    assert picture.dtype == np.uint8 and picture.shape == (size, size, channels)
    assert (picture == picture[0, 0]).all()
    return picture[0, 0].tolist()


def classes_by_level(pictures):
    """Collect the grey levels of every class: `{class name: {levels}}`."""
    found = {}
    for image, label in zip(pictures.images, pictures.labels, strict=True):
        found.setdefault(pictures.class_names[label], set()).add(int(image[0, 0, 0]))
    return found


# Floats and bytes


def test_scaling_by_hand():
    """Would catch [0, 1] instead of [-1, 1], a shifted middle, and truncation instead of rounding."""
    floats = to_floats(np.array([0, 51, 255], "uint8"))
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, [-1.0, -0.6, 1.0], atol=1e-6)  # 51 / 127.5 = 0.4
    pictures = to_uint8(np.array([-1.0, 0.0, 1.0, -0.6, -3.0, 3.0]))
    assert pictures.dtype == np.uint8
    assert pictures.tolist() == [0, 128, 255, 51, 0, 255]  # 127.5 rounds to the even 128; outside is clipped


def test_every_level_survives_the_round_trip():
    """Would catch a level that comes back as its neighbour, and a uint8 that wraps round on the way."""
    levels = np.arange(256, dtype="uint8")
    assert (to_uint8(to_floats(levels)) == levels).all()


# The order of an epoch


@pytest.mark.parametrize("window", [0, 4])
@pytest.mark.parametrize(("count", "batch", "steps"), [(10, 4, 3), (8, 4, 2), (7, 7, 1), (5, 1, 5)])
def test_every_picture_once_an_epoch(count, batch, steps, window):
    """Would catch a dropped last batch, a short one, and one filled up with anything but the epoch's first pictures."""
    order = epoch_order(count, batch, seed=3, epoch=1, shuffle_window=window)
    assert order.shape == (steps, batch)
    flat = order.reshape(-1).tolist()
    assert sorted(flat[:count]) == list(range(count))
    assert flat[count:] == flat[: steps * batch - count]


def test_order_depends_on_seed_and_epoch_alone():
    """Would catch an order that repeats every epoch, ignores the seed, or hangs on what was drawn before it."""
    np.random.seed(0)
    first = epoch_order(100, 10, seed=1, epoch=5)
    np.random.seed(1)
    for epoch in range(4):
        epoch_order(100, 10, seed=1, epoch=epoch)
    assert (epoch_order(100, 10, seed=1, epoch=5) == first).all()
    others = [epoch_order(100, 10, 1, 6), epoch_order(100, 10, 2, 5), epoch_order(100, 10, 5, 1)]
    for other in others:  # of 100 places, one agrees by chance
        assert (other == first).mean() < 0.1


@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_shuffle_window_bounds_the_way(window):
    """Would catch a window that lets a picture move by its width or more, and one that hardly mixes."""
    farthest = 0
    for epoch in range(20):
        order = epoch_order(200, 200, seed=0, epoch=epoch, shuffle_window=window)[0]
        farthest = max(farthest, np.abs(order - np.arange(200)).max())
    assert 0.6 * (window - 1) <= farthest <= window - 1


@pytest.mark.parametrize("window", [0, 200, 8000])
def test_no_window_mixes_everything(window):
    """Would catch 0 read as "not at all": in a full mix the mean way is a third of the length, 66.7 of 200."""
    orders = [epoch_order(200, 200, 0, epoch, window)[0] for epoch in range(20)]
    ways = [np.abs(order - np.arange(200)).mean() for order in orders]
    assert np.mean(ways) == pytest.approx(200 / 3, rel=0.1)


# Picture files of every kind


def palette_image():
    """Make a palette picture: left half red (entry 0), right half blue (entry 1)."""
    image = Image.new("P", (8, 8), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (4, 0, 8, 8))
    return image


def test_grey_and_bitmap():
    """Would catch a grey picture spread over one channel only, and a bitmap whose white becomes 1."""
    assert one_colour(plain(77)) == [77, 77, 77]
    assert one_colour(plain(77), channels=1) == [77]
    assert one_colour(plain(77), channels=4) == [77, 77, 77, 255]
    assert one_colour(plain(1, mode="1")) == [255, 255, 255]
    assert one_colour(plain(0, mode="1"), channels=1) == [0]


def test_colour_to_grey_by_hand():
    """Would catch a plain mean of the channels (85) instead of brightness: 0.299 * 255 = 76.2."""
    assert one_colour(plain(RED, mode="RGB"), channels=1) == [76]


def test_palette_without_transparency():
    """Would catch palette numbers taken for grey levels."""
    picture = decode_picture(encoded(palette_image()), 8, 8, 3)
    assert (picture[:, :4] == RED).all() and (picture[:, 4:] == BLUE).all()


def test_palette_with_transparency():
    """Would catch a see-through palette entry that shows its hidden red instead of white."""
    data = encoded(palette_image(), transparency=0)
    picture = decode_picture(data, 8, 8, 3)
    assert (picture[:, :4] == WHITE).all() and (picture[:, 4:] == BLUE).all()
    assert decode_picture(data, 8, 8, 4)[0, [0, 7], 3].tolist() == [0, 255]


def test_transparency_is_laid_on_white():
    """Would catch alpha that is dropped, or laid on black: level * 128/255 + 255 * 127/255."""
    half_green = plain((0, 255, 0, 128), mode="RGBA")
    assert one_colour(half_green) == [127, 255, 127]
    assert one_colour(half_green, channels=4) == [0, 255, 0, 128]
    half_grey = plain((100, 128), mode="LA")  # 50.2 + 127 = 177.2
    assert one_colour(half_grey) == [177, 177, 177]
    assert one_colour(half_grey, channels=1) == [177]
    assert one_colour(half_grey, channels=4) == [100, 100, 100, 128]


def test_colour_named_transparent():
    """Would catch a PNG whose one see-through colour (tRNS) is shown."""
    assert one_colour(plain(RED, mode="RGB", transparency=RED)) == [255, 255, 255]
    assert one_colour(plain(BLUE, mode="RGB", transparency=RED)) == [0, 0, 255]


def test_scaling_leaves_no_hidden_colour_at_the_edges():
    """Would catch scaling that mixes the colour under a transparent half into the visible one."""
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 8, 16))
    picture = decode_picture(encoded(image), 5, 5, 4)
    assert (picture[picture[..., 3] > 0][:, :3] == RED).all()
    assert 0 < picture[0, 2, 3] < 255


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk(kind):
    """Would catch ink read as light (inverted colours), and CMYK's fourth channel taken for alpha."""
    data = plain((0, 255, 255, 0), mode="CMYK", kind=kind)
    np.testing.assert_allclose(one_colour(data), RED, atol=3)
    np.testing.assert_allclose(one_colour(data, channels=4), (*RED, 255), atol=3)
    assert one_colour(data, channels=1)[0] == pytest.approx(76, abs=3)


@pytest.mark.parametrize(("level", "expected"), [(32768, 128), (65535, 255), (0, 0), (257, 1), (10000, 39)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits(kind, level, expected):
    """Would catch 16 bits clipped at 255, or cut to the low byte: 32768 / 257 = 127.5, 10000 / 257 = 38.9."""
    data = encoded(Image.fromarray(np.full((8, 8), level, "uint16")), kind)
    assert one_colour(data) == [expected] * 3
    assert one_colour(data, channels=1) == [expected]
    assert one_colour(data, channels=4) == [expected] * 3 + [255]


def test_float_tiff():
    """Would catch floats from 0 to 1 that end black: 0.5 * 255 = 127.5 and 0.2 * 255 = 51."""
    for level, expected in [(0.0, 0), (0.2, 51), (0.5, 128), (1.0, 255)]:
        data = encoded(Image.fromarray(np.full((8, 8), level, "float32")), "TIFF")
        assert one_colour(data) == [expected] * 3


def test_float_tiff_with_missing_values():
    """Would catch one NaN pixel that keeps the whole picture from being scaled, and so turns it black."""
    levels = np.full((8, 8), 0.2, "float32")
    levels[0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = decode_picture(encoded(Image.fromarray(levels), "TIFF"), 8, 8, 1)
    assert picture[0, 0, 0] == 0 and (picture.reshape(-1)[1:] == 51).all()


@pytest.mark.parametrize(
    ("orientation", "row", "column"),
    [(1, 0, 0), (2, 0, 7), (3, 7, 7), (4, 7, 0), (5, 0, 0), (6, 0, 7), (7, 7, 7), (8, 7, 0)],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation(kind, orientation, row, column):
    """Would catch photos left lying on their side: 6 turns the stored top left corner to the top right, 8 below."""
    image = Image.new("L", (8, 8), 0)
    image.paste(255, (0, 0, 2, 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_picture(encoded(image, kind, exif=exif), 8, 8, 1)[..., 0]
    corners = {(0, 0): picture[0, 0], (0, 7): picture[0, 7], (7, 0): picture[7, 0], (7, 7): picture[7, 7]}
    assert corners.pop((row, column)) > 200 and max(corners.values()) < 50


def test_exif_turns_before_the_size_is_fitted():
    """Would catch cropping first: a photo stored 8 wide and 16 high, turned, fills 8x16 (h x w) with nothing lost."""
    image = Image.fromarray(np.arange(128, dtype="uint8").reshape(16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    picture = decode_picture(encoded(image, exif=exif), 8, 16, 1)[..., 0]
    assert (picture == np.rot90(np.asarray(image), -1)).all()


def test_wide_picture_keeps_its_centre():
    """Would catch a 2:1 picture that is squeezed, or cut at one side only: of 16 columns, 4 to 11 survive."""
    columns = np.tile(np.arange(16, dtype="uint8") * 10, (8, 1))
    picture = decode_picture(encoded(Image.fromarray(columns)), 8, 8, 1)[..., 0]
    assert (picture == columns[:, 4:12]).all()
    picture = decode_picture(encoded(Image.fromarray(columns.T.copy())), 8, 8, 1)[..., 0]
    assert (picture == columns.T[4:12]).all()


def test_wide_picture_is_scaled_then_cut():
    """Would catch cutting without scaling: of 32 columns in four stripes the middle two remain, 4 columns each."""
    stripes = np.repeat(np.array([10, 60, 200, 250], "uint8"), 8)
    image = Image.fromarray(np.tile(stripes, (16, 1)))
    picture = decode_picture(encoded(image), 8, 8, 1)[..., 0]
    assert np.abs(picture[:, :3].astype(int) - 60).max() < 15 and np.abs(picture[:, 5:].astype(int) - 200).max() < 15
    assert (decode_picture(encoded(Image.new("L", (3, 500), 9)), 8, 8, 1) == 9).all()  # enlarged to cover


def test_height_comes_before_width():
    """Would catch height and width that change places on the way through Pillow."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    picture = decode_picture(encoded(image), 10, 20, 3)
    assert picture.shape == (10, 20, 3)
    assert (picture[:, :7] == RED).all() and (picture[:, 13:] == BLUE).all()  # between: the filter's reach


def test_animation_shows_its_first_frame():
    """Would catch the last frame of an animation, or all of them in a row."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert one_colour(data) == list(RED)


def test_kinds_sizes_and_endings_in_one_folder(tmp_path):
    """Would catch an ending that is passed over, upper case above all, and pictures of unlike sizes that clash."""
    colour = (40, 120, 200)
    endings = {"jpg": "JPEG", "JPEG": "JPEG", "png": "PNG", "bmp": "BMP", "gif": "GIF", "webp": "WEBP", "tif": "TIFF"}
    endings |= {"TIFF": "TIFF", "JPG": "JPEG", "PnG": "PNG", "WEBP": "WEBP"}
    for number, (ending, kind) in enumerate(endings.items()):
        data = encoded(Image.new("RGB", (5 + 9 * number, 60 - 3 * number), colour), kind)
        write_files(tmp_path, {f"{number:02d}.{ending}": data})
    write_files(tmp_path, {"notes.txt": b"no picture", "png": plain(0), "table.csv": b"1,2"})
    pictures = load_pictures(str(tmp_path), 16, 12, 3)
    assert pictures.images.shape == (11, 16, 12, 3) and pictures.broken == []
    assert np.abs(pictures.images.astype(int) - colour).max() <= 6  # JPEG and WebP are lossy


def test_folder_pictures_are_32_by_32_colour_unless_told(tmp_path):
    """Would catch another size, or other channels, where none was asked for."""
    write_files(tmp_path, {"a.png": plain(3, 40), "b.png": plain(4, 9)})
    assert load_pictures(str(tmp_path)).images.shape == (2, 32, 32, 3)
    assert load_pictures(str(tmp_path), height=9, channels=1).images.shape == (2, 9, 32, 1)


# Folders, archives, classes

LAYOUTS = {
    "flat": ({"b.png": 1, "a.png": 2, "c.png": 3}, None),
    "a folder a class": ({"cat/a.png": 1, "cat/b.png": 2, "ant/a.png": 3}, {"ant": {3}, "cat": {1, 2}}),
    "below a shared folder": (
        {"download/train/cat/1.png": 1, "download/train/ant/1.png": 2},
        {"ant": {2}, "cat": {1}},
    ),
    "deeper inside a class": (
        {"cat/young/1.png": 1, "cat/old/x/2.png": 2, "cat/3.png": 3, "dog/young/1.png": 4},
        {"cat": {1, 2, 3}, "dog": {4}},
    ),
    "some in the root": ({"cat/1.png": 1, "dog/1.png": 2, "3.png": 3}, None),
    "some in the shared folder": ({"all/cat/1.png": 1, "all/dog/1.png": 2, "all/3.png": 3}, None),
    "one folder only": ({"cat/1.png": 1, "cat/2.png": 2}, None),
    "unlike depths": ({"cat/1.png": 1, "more/dog/1.png": 2}, {"cat": {1}, "more": {2}}),
    "spaces and letters of all kinds": ({"élan vital/1 a.png": 1, "猫/ü.png": 2}, {"élan vital": {1}, "猫": {2}}),
    "prefix of another": (
        {"cat/1.png": 1, "cat-2/1.png": 2, "cat 3/1.png": 3},
        {"cat": {1}, "cat 3": {3}, "cat-2": {2}},
    ),
    "one picture": ({"cat/1.png": 7}, None),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_by_folder(tmp_path, layout, zipped):
    """Would catch classes by the wrong level of folders, labels in another order than the pictures, and a .zip that
    differs from its folder; files that are no pictures, or hidden, must not count."""
    levels, expected = LAYOUTS[layout]
    files = {name: plain(level) for name, level in levels.items()}
    files |= {".hidden.png": b"", "cat/._1.png": b"", ".git/deep/1.png": b"", "readme.txt": b"text", "cat/x.json": b""}
    if zipped:
        files |= {"__MACOSX/cat/._1.png": b"", "__MACOSX/1.png": b"", "cat/": b"", "empty/": b""}
        path = write_zip(tmp_path / "pictures.ZIP", files)
    else:
        (tmp_path / "empty").mkdir()
        path = write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == [] and pictures.source == str(path)
    assert pictures.images[:, 0, 0, 0].tolist() == [levels[name] for name in sorted(levels)]
    assert (
        "no classes" in pictures.describe() if expected is None else f"{len(expected)} classes" in pictures.describe()
    )
    if expected is None:
        assert pictures.class_names is None and pictures.labels is None
    else:
        assert pictures.labels.dtype == np.int32
        assert pictures.class_names == sorted(expected)
        assert classes_by_level(pictures) == expected


@pytest.mark.parametrize("pattern", ["./{}/{}", "photos\\{}\\{}", ".\\{}\\{}"])
def test_zip_names_of_other_packers(tmp_path, pattern):
    """Would catch `./cat/1.png` (bsdtar) taken for hidden, and backslashes (PowerShell 5) that hide the classes."""
    names = [("cat", "1.png", 1), ("dog", "1.png", 2), ("dog", ".2.png", 3)]
    files = {pattern.format(folder, name): plain(level) for folder, name, level in names}
    pictures = load_pictures(str(write_zip(tmp_path / "a.zip", files)), 8, 8, 1)
    assert classes_by_level(pictures) == {"cat": {1}, "dog": {2}}


def test_a_folder_may_be_named_like_an_archive(tmp_path):
    """Would catch a choice by the ending alone: `pictures.zip` can be the folder that a .zip was unpacked to."""
    folder = write_files(tmp_path / "pictures.zip", {"1.png": plain(5)})
    assert load_pictures(str(folder), 8, 8, 1).images[0, 0, 0, 0] == 5


def test_folder_below_a_hidden_one(tmp_path):
    """Would catch hidden names looked for above the given folder too: `.cache/pictures` was asked for."""
    folder = write_files(tmp_path / ".cache" / "pictures", {"1.png": plain(5)})
    assert len(load_pictures(str(folder))) == 1


# Files that do not decode


def broken_files():
    """Make four files that look like pictures and are none."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype="uint8"))
    whole = encoded(noise, "JPEG")
    png = bytearray(encoded(noise))
    png[len(png) // 2] ^= 0xFF
    return {
        "cat/1-half.jpg": whole[: len(whole) // 2],
        "cat/3-empty.png": b"",
        "dog/1-text.png": b"this is no picture",
        "dog/3-flipped.png": bytes(png),
    }


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_broken_pictures_are_named_and_the_rest_kept(tmp_path, zipped):
    """Would catch one bad file that ends the run, bad files dropped in silence, and labels that slip by one after
    each."""
    good = {"cat/2.png": 20, "cat/4.png": 40, "dog/2.png": 120, "eel/1.png": 200}
    files = broken_files() | {name: plain(level) for name, level in good.items()}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == sorted(broken_files())
    assert pictures.class_names == ["cat", "dog", "eel"]
    assert pictures.labels.tolist() == [0, 0, 1, 2]
    assert pictures.images[:, 0, 0, 0].tolist() == [20, 40, 120, 200]
    assert len(pictures) == 4
    line = pictures.describe()
    assert line.startswith("4 pictures at 8x8 (height x width), grey, 3 classes, from ")
    assert line.endswith("; 4 more do not decode and are skipped: cat/1-half.jpg, cat/3-empty.png, dog/1-text.png, ...")


def test_description_names_up_to_three():
    """Would catch dots where nothing was left out, and a line that grows with thousands of bad files."""
    images = np.zeros((1234, 8, 12, 4), "uint8")
    plain_line = "1,234 pictures at 8x12 (height x width), colour and alpha, no classes, from here"
    assert defDATA.Pictures(images, None, None, "here").describe() == plain_line
    three = defDATA.Pictures(images, None, None, "here", ["a", "b", "c"]).describe()
    assert three == plain_line + "; 3 more do not decode and are skipped: a, b, c"


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_all_broken(tmp_path, zipped):
    """Would catch a data set of no pictures that fails later, far from its cause."""
    path = write_zip(tmp_path / "a.zip", broken_files()) if zipped else write_files(tmp_path, broken_files())
    with pytest.raises(InputError, match=r"none of the 4 pictures .* cat/1-half\.jpg"):
        load_pictures(str(path))


def test_damaged_entry_of_a_zip(tmp_path):
    """Would catch a .zip with one damaged entry that is given up as a whole."""
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.png": plain(2), "c.png": plain(3)})
    data = bytearray(path.read_bytes())
    data[data.index(plain(2)) + 50] ^= 0xFF
    path.write_bytes(data)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == ["b.png"] and pictures.images[:, 0, 0, 0].tolist() == [1, 3]


# What cannot be read at all


def refused(source, *words):
    """Check that a source is refused in one line that names it and holds these words."""
    with pytest.raises(InputError) as caught:
        load_pictures(str(source), 8, 8, 3)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(source), *words):
        assert word in message


def lock(path):
    """Set the flag "encrypted" of every entry of a .zip, in both of its headers."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(mark, start + 1)
    path.write_bytes(data)
    return path


def test_encrypted_zip(tmp_path):
    """Would catch a locked .zip reported as broken pictures, without the word that helps: password."""
    refused(lock(write_zip(tmp_path / "a.zip", {"cat/1.png": plain(1), "dog/1.png": plain(2)})), "password", "unpack")


def test_cut_zip_and_no_zip(tmp_path):
    """Would catch a traceback for a download that stopped half way, and for another file renamed."""
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.png": plain(2)})
    path.write_bytes(path.read_bytes()[:-30])
    refused(path, "not a .zip")
    refused(write_files(tmp_path, {"b.zip": plain(1)}) / "b.zip", "not a .zip")
    refused(write_files(tmp_path, {"c.zip": b""}) / "c.zip", "not a .zip")


@pytest.mark.parametrize(("offset", "value"), [(6, 200), (46, 0xFF)], ids=["version", "name"])
def test_damaged_directory_of_a_zip(tmp_path, offset, value):
    """Would catch a traceback where damage makes Python's zipfile raise something else than BadZipFile."""
    path = write_zip(tmp_path / "a.zip", {"é.png": plain(1)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(data)
    refused(path, "not a .zip")


def test_nothing_there(tmp_path):
    """Would catch an empty data set, a missing path or a text file that gets past the door."""
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "0 files", "no picture", ".jpg")
    refused(write_files(tmp_path / "texts", {"a.txt": b"", ".b.png": plain(1)}), "2 files", "no picture")
    refused(write_zip(tmp_path / "a.zip", {"a.txt": b"text", "__MACOSX/b.png": b""}), "2 files", "no picture")
    refused(write_zip(tmp_path / "b.zip", {}), "0 files", "no picture")
    refused(tmp_path / "missing", "no such file or folder", "--data")
    refused(tmp_path / "missing.zip", "no such file or folder")
    refused(tmp_path / "missing.npz", "no such file or folder")
    refused(tmp_path / "texts" / "a.txt", "neither a folder nor a .zip nor an .npz")


def test_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch a folder without permission that is reported as empty."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1)})
    archive = write_zip(tmp_path / "a.zip", {"a.png": plain(1)})
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(folder, "may not be read", "permissions")
    refused(archive, "may not be read", "permissions")


def test_npz_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch an .npz without permission that is called damaged."""
    path = tmp_path / "a.npz"
    np.savez(path, x_train=np.zeros((2, 8, 8), "uint8"))

    def forbidden(self, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(pathlib.Path, "open", forbidden)
    refused(path, "Permission denied")


def test_picture_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch one picture without permission that ends the run."""
    write_files(tmp_path, {"a.png": plain(1), "b.png": plain(2)})
    read = pathlib.Path.read_bytes

    def forbidden(self):
        if self.name == "a.png":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(pathlib.Path, "read_bytes", forbidden)
    pictures = load_pictures(str(tmp_path), 8, 8, 1)
    assert pictures.broken == ["a.png"] and pictures.images[:, 0, 0, 0].tolist() == [2]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_not_readable_for_real(tmp_path):
    """Would catch a check of permissions that the system does not share."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1), "b.png": plain(2)})
    (folder / "a.png").chmod(0)
    assert load_pictures(str(folder), 8, 8, 1).broken == ["a.png"]
    folder.chmod(0)
    try:
        refused(folder, "may not be read")
    finally:
        folder.chmod(0o700)


# Arrays


def save_npz(path, **arrays):
    """Write an .npz and return its path."""
    np.savez(path, **arrays)
    return path


def test_npz_like_mnist(tmp_path):
    """Would catch MNIST brought to 32x32 colour unasked, a lost axis, and labels of another kind."""
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype="uint8")
    labels = np.array([5, 0, 4, 1, 9, 2], "uint8")
    path = save_npz(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    pictures = load_pictures(str(path))
    assert pictures.images.shape == (6, 28, 28, 1) and (pictures.images[..., 0] == images).all()
    assert pictures.labels.dtype == np.int32 and pictures.labels.tolist() == [5, 0, 4, 1, 9, 2]
    assert pictures.class_names == [str(digit) for digit in range(10)]
    assert pictures.describe().startswith("6 pictures at 28x28 (height x width), grey, 10 classes, from ")


def test_npz_without_labels_and_with_labels_in_a_column(tmp_path):
    """Would catch labels that are demanded, and CIFAR's `(n, 1)` labels that are refused."""
    images = np.zeros((3, 8, 9, 4), "uint8")
    pictures = load_pictures(str(save_npz(tmp_path / "a.NPZ.npz", x_train=images)))
    assert pictures.images.shape == (3, 8, 9, 4) and pictures.labels is None and pictures.class_names is None
    pictures = load_pictures(str(save_npz(tmp_path / "b.npz", x_train=images, y_train=np.array([[2], [0], [1]]))))
    assert pictures.labels.tolist() == [2, 0, 1]


def test_npz_brought_to_another_size_when_asked(tmp_path):
    """Would catch flags that an .npz ignores, pictures in another order, and grey that fills one channel only."""
    images = np.stack([np.full((28, 28), level, "uint8") for level in (10, 200)])
    path = save_npz(tmp_path / "a.npz", x_train=images)
    pictures = load_pictures(str(path), 32, 32, 3).images
    assert pictures.shape == (2, 32, 32, 3)
    assert (pictures[0] == 10).all() and (pictures[1] == 200).all()
    assert load_pictures(str(path), channels=3).images.shape == (2, 28, 28, 3)
    assert load_pictures(str(path), height=14).images.shape == (2, 14, 28, 1)


class Trap:
    """An object whose unpickling runs code: it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("key", ["x_train", "y_train"])
def test_npz_pickles_are_refused_and_not_run(tmp_path, key):
    """Would catch allow_pickle: a data set from the net could run any code."""
    arrays = {"x_train": np.zeros((1, 8, 8), "uint8"), key: np.array([Trap(tmp_path / "sprung")], dtype=object)}
    refused(save_npz(tmp_path / "a.npz", **arrays), "plain arrays")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 8, 8)), ["float64 (2, 8, 8)", "uint8"]),
        (np.zeros((2, 8, 8), "int64"), ["int64"]),
        (np.zeros((8, 8), "uint8"), ["(8, 8)"]),
        (np.zeros((2, 3, 8, 8), "uint8"), ["(2, 3, 8, 8)", "channels"]),  # channels first
        (np.zeros((0, 8, 8), "uint8"), ["(0, 8, 8)"]),
        (np.uint8(3), ["uint8 ()"]),
    ],
    ids=["floats", "whole numbers", "one picture", "channels first", "empty", "a number"],
)
def test_npz_of_another_kind(tmp_path, images, words):
    """Would catch floats cut to 0 and 1, or axes read in the wrong order, without a word."""
    refused(save_npz(tmp_path / "a.npz", x_train=images), "x_train", *words)


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.array([0, 1]), "(2,)"),
        (np.array([0.0, 1.0, 2.0]), "float64"),
        (np.array([0, -1, 2]), "-1"),
        (np.eye(3, dtype="uint8"), "(3, 3)"),
        (np.array(["cat", "dog", "cat"]), "<U3"),
        (np.array([0, 1, 2**32]), str(2**32)),  # int32 would make a 0 of it
        (np.array([], "int64"), "(0,)"),
    ],
    ids=["too few", "floats", "negative", "one-hot", "words", "too large", "none"],
)
def test_npz_with_wrong_labels(tmp_path, labels, word):
    """Would catch labels that do not belong to the pictures, and a message that hides what was received."""
    images = np.zeros((3, 8, 8), "uint8")
    refused(save_npz(tmp_path / "a.npz", x_train=images, y_train=labels), "y_train", "3 class numbers", word)


def test_npz_without_x_train(tmp_path):
    """Would catch a KeyError: the message must tell which names are there."""
    refused(
        save_npz(tmp_path / "a.npz", images=np.zeros((1, 8, 8), "uint8"), y=np.zeros(1)), "images, y", "numpy.savez"
    )
    refused(save_npz(tmp_path / "b.npz"), "nothing")


def test_npz_that_is_none(tmp_path):
    """Would catch a traceback for a cut or damaged download, a plain .npy, a folder, a locked or a foreign archive."""
    path = save_npz(tmp_path / "a.npz", x_train=np.arange(2000, dtype="uint8").reshape(5, 20, 20))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    refused(path, "cut short")
    damaged = bytearray(whole)
    damaged[whole.index(b"\x93NUMPY") + 500] ^= 0xFF
    path.write_bytes(damaged)
    refused(path, "cannot be read")
    path.write_bytes(b"")
    refused(path, "not a zip archive")
    with path.open("wb") as file:
        np.save(file, np.zeros((1, 8, 8), "uint8"))
    refused(path, "not a zip archive")
    refused(write_zip(tmp_path / "b.npz", {"x_train.npy": b"no array"}), "cannot be read")
    np.save(path, np.zeros((1, 8, 8), "uint8"))
    array = pathlib.Path(f"{path}.npy").read_bytes()
    refused(write_zip(tmp_path / "b.npz", {"x_train.npy": array, "y_train.npy": b"no array"}), "cannot be read")
    refused(lock(save_npz(tmp_path / "c.npz", x_train=np.zeros((1, 8, 8), "uint8"))), "encrypted")
    (tmp_path / "folder.npz").mkdir()
    refused(tmp_path / "folder.npz", "cannot be read")


# Drawn shapes


class Middle:
    """Stands in for a random generator: always the middle, so that a shape lies straight and in the centre."""

    def uniform(self, low, high):
        return (low + high) / 2


@pytest.fixture
def black_and_white(monkeypatch):
    """Draw every shape white on black."""
    monkeypatch.setattr(shape_pictures, "two_colours", lambda random: ((0, 0, 0), (255, 255, 255)))


def lens(radius, other, distance):
    """Give the area that two circles share (any table of formulas has it)."""
    one = math.acos((distance**2 + radius**2 - other**2) / (2 * distance * radius))
    two = math.acos((distance**2 + other**2 - radius**2) / (2 * distance * other))
    triangle = distance * radius * math.sin(one)
    return radius**2 * one + other**2 * two - triangle


AREAS = {  # of each shape, in squares of its radius, worked out by hand
    "circle": math.pi,
    "square": 1.7**2,
    "triangle": 2 * 1.85 / 2,
    "star": 5 * 1.15 * 0.45 * math.sin(math.pi / 5),
    "ring": math.pi * (1.05**2 - 0.55**2),
    "cross": 2 * 2 * 0.72 - 0.72**2,
    "heart": 180 * math.pi / 15**2,  # the known area of the heart curve
    "crescent": math.pi * 1.05**2 - lens(1.05, 0.85, math.hypot(0.5, 0.15)),
    "arrow": 1.9 * 1.05 / 2 + 0.64 * 1.2,
    "bar": 2.3 * 0.6,
}


@pytest.mark.parametrize("name", SHAPE_NAMES)
def test_area_of_each_shape(name, black_and_white):
    """Would catch a name that draws another shape, a hole that is not cut out, and a wrong scale."""
    pixels = np.asarray(draw_shape(name, 128, 128, Middle()).convert("L")) / 255.0
    assert pixels.sum() == pytest.approx(AREAS[name] * (0.34 * 128) ** 2, rel=0.03)


def test_shapes_stand_upright(black_and_white):
    """Would catch y that points up: triangle and arrow are widest far from or near their tip, the heart's tip is
    below."""

    def widest_row(name):
        rows = (np.asarray(draw_shape(name, 128, 128, Middle()).convert("L")) > 127).sum(axis=1)
        return rows.argmax() / 128, np.flatnonzero(rows)

    row, rows = widest_row("triangle")
    assert row > 0.7 and rows[0] == pytest.approx(64 - 1.1 * 0.34 * 128, abs=2)
    assert widest_row("arrow")[0] < 0.5
    assert widest_row("heart")[0] < 0.5


def test_ring_has_a_hole():
    """Would catch a ring drawn as a disc: wherever it lies, the picture's centre is in its hole, and in a circle's
    inside."""
    for seed in range(20):
        background, colour = two_colours(np.random.default_rng(seed))
        ring, circle, crescent = (
            draw_shape(name, 64, 64, np.random.default_rng(seed)) for name in ("ring", "circle", "crescent")
        )
        assert ring.getpixel((32, 32)) == background == ring.getpixel((0, 0))
        assert circle.getpixel((32, 32)) == colour != background
        assert crescent.getpixel((0, 0)) == background


def test_shapes_are_brighter_than_their_background():
    """Would catch a shape that cannot be seen once the picture is grey, and dark shapes on bright backgrounds."""
    for seed in range(200):
        background, colour = two_colours(np.random.default_rng(seed))
        assert all(dark + 20 < bright for dark, bright in zip(background, colour, strict=True))
        assert min(background) >= 0 and max(colour) <= 255


def test_every_kind_differs_from_each_other(black_and_white):
    """Would catch two class names for one shape: with size, place and turn alike, a 25th of the pixels
    differ."""
    drawn = [np.asarray(draw_shape(name, 64, 64, np.random.default_rng(4))).astype(int) for name in SHAPE_NAMES]
    assert len(set(SHAPE_NAMES)) == 10
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert (np.abs(one - other).max(axis=-1) > 127).mean() > 0.04


def test_same_seed_same_bytes():
    """Would catch a global random state, and a seed that is not used."""
    pictures, labels = draw_shapes(30, 32, 32, seed=5)
    again, labels_again = draw_shapes(30, 32, 32, seed=5)
    assert pictures.tobytes() == again.tobytes() and (labels == labels_again).all()
    other, _ = draw_shapes(30, 32, 32, seed=6)
    assert (pictures != other).any(axis=(1, 2, 3)).all()
    assert (pictures[:10] != pictures[10:20]).any(axis=(1, 2, 3)).all()  # the second of a kind is not the first again


def test_ten_kinds_equally_often_and_rightly_labelled():
    """Would catch a kind that is missing, and labels that name another kind than the one drawn."""
    pictures, labels = draw_shapes(40, 32, 32, seed=1)
    assert labels.dtype == np.int32 and np.bincount(labels).tolist() == [4] * 10
    random = np.random.default_rng(1)
    for picture, label in zip(pictures, labels, strict=True):
        assert (np.asarray(draw_shape(SHAPE_NAMES[label], 32, 32, random)) == picture).all()


def test_edges_are_smooth():
    """Would catch stairs: edges must hold colours between the two, though no others."""
    pictures, labels = draw_shapes(10, 32, 32, seed=2)
    random = np.random.default_rng(2)
    for picture, label in zip(pictures, labels, strict=True):
        state = random.bit_generator.state
        ends = np.sort(np.array(two_colours(random)), axis=0)
        random.bit_generator.state = state
        draw_shape(SHAPE_NAMES[label], 32, 32, random)
        colours = np.unique(picture.reshape(-1, 3), axis=0)
        assert len(colours) > 5
        assert (colours >= ends[0]).all() and (colours <= ends[1]).all()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 36), (33, 17), (64, 10)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_of_any_size(height, width, channels):
    """Would catch height and width in each other's place, shapes cut off at the short side, and see-through alpha."""
    pictures, _ = draw_shapes(10, height, width, channels, seed=3)
    assert pictures.dtype == np.uint8 and pictures.shape == (10, height, width, channels)
    for picture in pictures:
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners == corners[0]).all()
        assert (picture != corners[0]).any()
    if channels == 4:
        assert (pictures[..., 3] == 255).all()


def test_shapes_by_name(monkeypatch):
    """Would catch size, channels, seed or class names that get lost between the name `shapes` and the drawing."""
    monkeypatch.setattr(defDATA, "SHAPES_COUNT", 20)
    pictures = load_pictures("shapes", 16, 24, 1, seed=7)
    assert (pictures.images == draw_shapes(20, 16, 24, 1, seed=7)[0]).all()
    assert pictures.class_names == SHAPE_NAMES and pictures.labels.tolist() == list(range(10)) * 2
    assert load_pictures("shapes").images.shape == (20, 32, 32, 3)


# CIFAR


def test_cifar_names_by_number():
    """Would catch class names out of order, doubled or missing: the numbers are those of the published files."""
    assert {name: len(set(names)) for name, names in CIFAR_NAMES.items()} == {"cifar10": 10, "cifar100": 100}
    assert [len(names) for names in CIFAR_NAMES.values()] == [10, 100]
    ten, hundred = CIFAR_NAMES["cifar10"], CIFAR_NAMES["cifar100"]
    assert [ten[number] for number in (0, 1, 3, 5, 9)] == ["airplane", "automobile", "cat", "dog", "truck"]
    known = {0: "apple", 1: "aquarium_fish", 13: "bus", 41: "lawn_mower", 52: "oak_tree", 68: "road", 99: "worm"}
    assert {number: hundred[number] for number in known} == known
    assert hundred == sorted(hundred) and ten[:9] == sorted(ten[:9])


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_from_keras(monkeypatch, name):
    """Would catch the test split, labels left as `(n, 1)`, the other set's names, and a size that is not passed on."""
    keras = pytest.importorskip("keras")
    images = np.stack([np.full((32, 32, 3), level, "uint8") for level in (7, 80, 250)])
    labels = np.array([[3], [0], [9]], "uint8")
    test = (np.zeros((1, 32, 32, 3), "uint8"), np.zeros((1, 1), "uint8"))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: ((images, labels), test))
    pictures = load_pictures(name)
    assert (pictures.images == images).all()
    assert pictures.labels.dtype == np.int32 and pictures.labels.tolist() == [3, 0, 9]
    assert pictures.class_names == CIFAR_NAMES[name] and name in pictures.source
    small = load_pictures(name, 16, 8, 1).images
    assert small.shape == (3, 16, 8, 1) and small[:, 5, 5, 0].tolist() == [7, 80, 250]


def test_cifar_without_the_net(monkeypatch, capsys):
    """Would catch a traceback where there is no connection; the two ways on must be named."""
    keras = pytest.importorskip("keras")

    def no_net():
        raise Exception("URL fetch failure on https://example.org: None\n -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", no_net)
    with pytest.raises(InputError, match=r"(?s)cifar10 .*URL fetch failure.*--data.*--preset shapes"):
        load_pictures("cifar10")
    assert ends_with_one_line(["cifar10"], capsys).startswith("defDATA.py: cifar10 could not be downloaded")


# python defDATA.py PATH


def ends_with_one_line(arguments, capsys):
    """Check that `defDATA.main` ends with exit code 2 and one line on stderr; return the line."""
    with pytest.raises(SystemExit) as caught:
        defDATA.main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.endswith("\n") and captured.err.count("\n") == 1
    return captured.err


def test_main_says_what_is_there(tmp_path, capsys):
    """Would catch counts by class that leave out or count the files that do not decode."""
    files = {"cat/1.png": plain(1), "cat/2.png": plain(2), "dog/1.png": plain(3), "dog/2.png": b""}
    defDATA.main([str(write_files(tmp_path, files))])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines() == [
        f"3 pictures at 32x32 (height x width), colour, 2 classes, from {tmp_path}; "
        "1 more do not decode and are skipped: dog/2.png",
        "  class 0: cat, 2 pictures",
        "  class 1: dog, 1 pictures",
        "  does not decode: dog/2.png",
    ]


def test_main_ends_in_one_line(tmp_path, capsys):
    """Would catch a traceback, a usage text of several lines, and an exit code that scripts take for success."""
    missing = str(tmp_path / "missing")
    assert ends_with_one_line([missing], capsys).startswith(f"defDATA.py: no such file or folder: {missing};")
    assert "path" in ends_with_one_line([], capsys)
    assert "two\\nlines" not in ends_with_one_line([str(tmp_path / "two\nlines")], capsys)
    ends_with_one_line([str(tmp_path / ("x" * 300))], capsys)  # longer than a file system takes
    ends_with_one_line([str(write_files(tmp_path, {"a.npz": b"no"}) / "a.npz")], capsys)


def test_decoding_is_spread_without_mixing_up(tmp_path):
    """Would catch threads that return pictures in the order they finish in."""
    sizes = np.random.default_rng(0).integers(4, 200, 40)
    levels = [5 * number for number in range(40)]
    files = {
        f"{number:02d}.png": plain(level, int(size))
        for number, (level, size) in enumerate(zip(levels, sizes, strict=True))
    }
    pictures, decoded, broken = PictureFolder(write_files(tmp_path, files)).decode_all(8, 8, 1)
    assert pictures[:, 3, 3, 0].tolist() == levels and decoded.tolist() == list(range(40)) and broken == []


def test_a_folder_whose_files_all_fail_is_no_class(tmp_path):
    """Would catch a class that no picture belongs to: a conditional run would be asked for it and never see it."""
    for name, colour in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(tmp_path / name / "1.png")
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "1.png").write_text("no picture")
    pictures = load_pictures(str(tmp_path), 8, 8)
    assert pictures.class_names == ["cat", "dog"]
    assert pictures.labels.tolist() == [0, 1]
    assert pictures.images[:, 0, 0, 0].tolist() == [10, 200]


def test_an_empty_name_is_not_this_folder():
    """Would catch `--data ""` (an unset variable in a script) training on whatever lies around."""
    with pytest.raises(InputError, match="an empty name"):
        load_pictures("")
