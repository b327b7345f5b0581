"""The data: odd picture files, folders and archives, arrays, drawn shapes and the order of an epoch."""

import io
import math
import os
import pathlib
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

import defDATA
from defDATA import epoch_order, load_pictures, to_floats
from support.data import picture_files, shapes
from support.data.class_names import CIFAR_NAMES
from support.data.picture_files import PictureFolder, decode_picture
from support.data.shapes import SHAPE_NAMES, draw_shape, draw_shapes, two_colours
from support.drawing.grid import to_uint8
from support.system.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    """Give the bytes of a Pillow image as a file of that kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(value, size=8, mode="L", kind="PNG", **options):
    """Give the bytes of a file of one colour; the size is one side of a square, or `(width, height)`."""
    return encoded(Image.new(mode, size if isinstance(size, tuple) else (size, size), value), kind, **options)


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


def everything(pictures):
    """Give all pictures as one uint8 array, in their order."""
    return pictures.images[np.arange(len(pictures))]


def levels_of(pictures):
    """Give each picture's first level, in their order: for pictures of one colour."""
    return everything(pictures)[:, 0, 0, 0].tolist()


def classes_by_level(pictures):
    """Collect the grey levels of every class: `{class name: {levels}}`."""
    found = {}
    for image, label in zip(everything(pictures), pictures.labels, strict=True):
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


# Other proportions: pad and stretch


def striped(height, width, mode="L", **options):
    """Give the bytes of a picture whose left half is dark and right half bright: 40 and 200, or red and blue."""
    dark, bright = {"L": (40, 200), "RGB": (RED, BLUE), "RGBA": ((*RED, 255), (*BLUE, 255))}[mode]
    image = Image.new(mode, (width, height), dark)
    image.paste(bright, (width // 2, 0, width, height))
    return encoded(image, **options)


def test_pad_by_hand():
    """Would catch pad that cuts or distorts, is not centred, or fills with black: 4x8 in 8x8 leaves 2 rows at each
    side; 8x4, 2 columns; 16x8 is halved first."""
    wide = decode_picture(striped(4, 8), 8, 8, 1, "pad")[..., 0]
    assert (wide[[0, 1, 6, 7]] == 255).all() and (wide[2:6, :4] == 40).all() and (wide[2:6, 4:] == 200).all()
    high = decode_picture(striped(8, 4), 8, 8, 1, "pad")[..., 0]
    assert (high[:, [0, 1, 6, 7]] == 255).all() and (high[:, 2:4] == 40).all() and (high[:, 4:6] == 200).all()
    large = decode_picture(plain(7, size=(16, 8)), 8, 8, 1, "pad")[..., 0]
    assert (large[2:6] == 7).all() and (large[[0, 1, 6, 7]] == 255).all()
    small = decode_picture(plain(7, size=(4, 2)), 8, 8, 1, "pad")[..., 0]  # enlarged until it touches
    assert (small[2:6] == 7).all() and (small[[0, 1, 6, 7]] == 255).all()
    assert (decode_picture(striped(8, 8), 8, 8, 1, "pad") == decode_picture(striped(8, 8), 8, 8, 1)).all()


def test_pad_in_colour_and_with_alpha():
    """Would catch a margin that is white in one channel only, and one that is not see-through where there is alpha."""
    colour = decode_picture(striped(4, 8, "RGB"), 8, 8, 3, "pad")
    assert (colour[0] == WHITE).all() and (colour[3, :4] == RED).all() and (colour[3, 4:] == BLUE).all()
    alpha = decode_picture(striped(4, 8, "RGBA"), 8, 8, 4, "pad")
    assert (alpha[[0, 1, 6, 7]] == (*WHITE, 0)).all() and (alpha[2:6, :4] == (*RED, 255)).all()
    assert (decode_picture(striped(4, 8, "RGBA"), 8, 8, 3, "pad") == colour).all()
    assert (decode_picture(striped(4, 8, "L"), 8, 8, 4, "pad")[3, 0] == (40, 40, 40, 255)).all()
    wide_palette = palette_image().crop((0, 2, 8, 6))
    palette = decode_picture(encoded(wide_palette, transparency=0), 8, 8, 3, "pad")
    assert (palette[2:6, 4:] == BLUE).all() and (palette[2:6, :4] == WHITE).all() and (palette[0] == WHITE).all()


def test_stretch_by_hand():
    """Would catch stretch that cuts or pads: every column of 4x8 becomes twice as high, all of 8x16 twice as
    narrow."""
    columns = np.tile(np.arange(8, dtype="uint8") * 30, (4, 1))
    picture = decode_picture(encoded(Image.fromarray(columns)), 8, 8, 1, "stretch")[..., 0]
    assert (picture == columns[0]).all()
    colour = decode_picture(striped(8, 64, "RGB"), 8, 8, 3, "stretch")
    assert (colour[:, 0] == RED).all() and (colour[:, 7] == BLUE).all()  # between: the filter's reach
    alpha = decode_picture(striped(8, 64, "RGBA"), 8, 8, 4, "stretch")
    assert (alpha[..., 3] == 255).all() and (alpha[:, 0, :3] == RED).all()
    palette = decode_picture(encoded(palette_image().resize((64, 8))), 8, 8, 3, "stretch")
    assert (palette[:, 0] == RED).all() and (palette[:, 7] == BLUE).all()


@pytest.mark.parametrize("orientation", [6, 8])
def test_fit_comes_after_the_turn(orientation):
    """Would catch pad or stretch by the stored proportions: 8 high and 4 wide is 4 high and 8 wide once it is
    turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new("L", (4, 8), 40)
    image.paste(200, (0, 4, 4, 8))  # the stored bottom: clockwise it comes to the left, the other way to the right
    left, right = (200, 40) if orientation == 6 else (40, 200)
    padded = decode_picture(encoded(image, exif=exif), 8, 8, 1, "pad")[..., 0]
    assert (padded[[0, 1, 6, 7]] == 255).all()
    assert (padded[2:6, :4] == left).all() and (padded[2:6, 4:] == right).all()
    stretched = decode_picture(encoded(image, exif=exif), 8, 8, 1, "stretch")[..., 0]
    assert (stretched[:, :4] == left).all() and (stretched[:, 4:] == right).all()


@pytest.mark.parametrize("fit", ["cover", "pad", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(1, 500), (500, 1), (1, 1), (1, 20000)])
def test_the_thinnest_pictures(height, width, fit):
    """Would catch a line of one pixel that is rounded away to nothing when all of it is to be inside."""
    picture = decode_picture(plain(9, size=(width, height)), 8, 8, 1, fit)[..., 0]
    inside = {"pad": {(1, 500): 8, (500, 1): 8, (1, 1): 64, (1, 20000): 8}}.get(fit, {}).get((height, width), 64)
    assert (picture == 9).sum() == inside and (picture == 255).sum() == 64 - inside


def test_fit_reaches_folders_and_arrays(tmp_path):
    """Would catch a flag that is taken and then forgotten on one of the two ways."""
    write_files(tmp_path / "pictures", {"a.png": plain(7, size=(16, 8))})
    np.savez(tmp_path / "a.npz", x_train=np.full((1, 8, 16), 7, "uint8"))
    for source in (tmp_path / "pictures", tmp_path / "a.npz"):
        for fit, white in [("cover", 0), ("pad", 32), ("stretch", 0)]:
            assert (everything(load_pictures(str(source), 8, 8, 1, fit=fit)) == 255).sum() == white


# Large JPEGs, decoded at a part of their size


def slopes(height, width):
    """Make a smooth colour picture in which every place and direction differs."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray((255 * np.stack([rows, columns, (1 - rows) * columns], -1)).astype("uint8"))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("fit", ["cover", "pad", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(600, 900), (901, 403)])
def test_large_jpeg_decodes_to_nearly_the_same(monkeypatch, height, width, fit, orientation):
    """Would catch a draft that is too small, cuts an edge, or turns the picture another way than a full decode."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(slopes(height, width), "JPEG", quality=95, exif=exif)
    drafted = decode_picture(data, 24, 32, 3, fit).astype(int)
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", lambda *arguments: None)
    full = decode_picture(data, 24, 32, 3, fit).astype(int)
    assert np.abs(drafted - full).max() <= 8 and np.abs(drafted - full).mean() < 1


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("stored", "decoded"),
    [  # wanted: 10x16, so that both sides must keep 32
        ((63, 300), (63, 300)),  # half of it would be below 32
        ((64, 300), (32, 150)),
        ((300, 64), (150, 32)),
        ((128, 128), (32, 32)),
        ((1000, 2000), (125, 250)),  # an eighth is the least that JPEG can do
    ],
)
def test_a_draft_has_twice_the_size_or_more(monkeypatch, stored, decoded, orientation):
    """Would catch blurred pictures: a decode below twice the wanted size, by either side or by the side that turning
    makes the other."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = []
    turn = picture_files.ImageOps.exif_transpose
    monkeypatch.setattr(picture_files.ImageOps, "exif_transpose", lambda image: seen.append(image.size) or turn(image))
    decode_picture(encoded(Image.new("RGB", stored[::-1]), "JPEG", exif=exif), 10, 16, 3)
    assert seen == [decoded[::-1]]


# Odd ones


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


def test_an_animated_webp_and_a_two_picture_photo_show_the_first():
    """Would catch the last frame of a WebP, and a phone's .jpg of two pictures (MPO) that is turned away."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE)]
    for kind in ("WEBP", "MPO"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert Image.open(io.BytesIO(data)).n_frames == 2
        np.testing.assert_allclose(one_colour(data), RED, atol=3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_note_costs_nothing():
    """Would catch a whole picture given up for a note that only tells how it is turned."""
    for kind in ("JPEG", "PNG"):
        for note in (b"Exif\0\0garbage, and more of it", b"Exif\0\0II*\0\x08\0\0\0\xff\xffxx"):
            assert one_colour(plain(77, kind=kind, exif=note)) == [77, 77, 77]


def png_of(height, width, pixels):
    """Write a grey PNG by hand, whose header may say more than there is."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def test_a_picture_that_would_fill_the_memory(tmp_path):
    """Would catch a decompression bomb that is unpacked: 400 million pixels in a file of 70 bytes."""
    assert one_colour(png_of(1, 1, b"\0\x4d")) == [77, 77, 77]  # the same writer, with nothing wrong
    folder = write_files(tmp_path, {"bomb.png": png_of(20_000, 20_000, b"\0"), "good.png": plain(5)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.broken == ["bomb.png"] and levels_of(pictures) == [5]


def test_names_of_all_kinds(tmp_path):
    """Would catch names that a shell, a URL or an old code page would trip over, and an ending that is only part of
    one; the kind is told by the contents, since many a .jpg is a PNG."""
    names = ["a b.png", "ü猫😀.png", "50%[x]{y}$(z)'\"#?.png", "two.dots.PNG", "really a png.jpg", "-dash.png"]
    files = {name: plain(10 * number) for number, name in enumerate(names)}
    files |= {".hidden.png": b"", ".hidden/a.png": b"", "a.png.txt": b"", "a.pngx": b"", "Thumbs.db": b"", "png": b""}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert pictures.broken == []
    assert dict(zip(pictures.images.files.names, levels_of(pictures), strict=True)) == {
        name: 10 * number for number, name in enumerate(names)
    }


def test_links(tmp_path):
    """Would catch classes linked in from another disk that are passed over in silence, a link to the folder itself that
    never ends or doubles the pictures, and a link to nothing that ends the run."""
    elsewhere = write_files(tmp_path / "elsewhere", {"dogs/1.png": plain(20), "dogs/young/2.png": plain(30)})
    folder = write_files(tmp_path / "pictures", {"cat/1.png": plain(10)})
    (folder / "dog").symlink_to(elsewhere / "dogs", target_is_directory=True)
    (elsewhere / "dogs" / "back").symlink_to(elsewhere / "dogs", target_is_directory=True)
    (folder / "dog again").symlink_to(elsewhere / "dogs", target_is_directory=True)
    (folder / "cat" / "all").symlink_to(folder, target_is_directory=True)
    (folder / "above").symlink_to(tmp_path, target_is_directory=True)
    (folder / "cat" / "2.png").symlink_to(elsewhere / "dogs" / "1.png")
    (folder / "cat" / "nothing.png").symlink_to(tmp_path / "nowhere.png")
    names = PictureFolder(folder).names
    assert names == ["cat/1.png", "cat/2.png", "dog/1.png", "dog/young/2.png"]
    assert classes_by_level(load_pictures(str(folder), 8, 8, 1)) == {"cat": {10, 20}, "dog": {20, 30}}
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert PictureFolder(tmp_path / "link").names == names


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """Would catch a program that hangs for ever on a pipe with a picture's name, and a folder taken for a picture."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    write_files(tmp_path, {"a.png": plain(5), "folder.png/b.png": plain(6)})
    os.mkfifo(tmp_path / "pipe.png")
    assert PictureFolder(tmp_path).names == ["a.png", "folder.png/b.png"]


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
    assert np.abs(everything(pictures).astype(int) - colour).max() <= 6  # JPEG and WebP are lossy


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
    assert levels_of(pictures) == [levels[name] for name in sorted(levels)]
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
    assert levels_of(load_pictures(str(folder), 8, 8, 1)) == [5]


def test_folder_below_a_hidden_one(tmp_path):
    """Would catch hidden names looked for above the given folder too: `.cache/pictures` was asked for."""
    folder = write_files(tmp_path / ".cache" / "pictures", {"1.png": plain(5)})
    assert len(load_pictures(str(folder))) == 1


# Files that do not open, and files that do and turn out to be cut short


def noise_jpeg(side=32):
    """Give the bytes of a square JPEG of noise, which has something to lose in every part."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype="uint8"))
    return encoded(noise, "JPEG")


def half_jpeg():
    """Give the first half of a JPEG: it opens, and does not decode."""
    whole = noise_jpeg()
    return whole[: len(whole) // 2]


def flipped_png():
    """Give a PNG with a wrong bit in the middle: it opens, and its check sum is wrong."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype="uint8"))
    data = bytearray(encoded(noise))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


NO_PICTURES = {"cat/3-empty.png": b"", "dog/1-text.png": b"this is no picture", "dog/3-head.jpg": noise_jpeg()[:20]}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_what_does_not_open_is_named_at_once_and_the_rest_kept(tmp_path, zipped):
    """Would catch one bad file that ends the run, bad files dropped in silence, and labels that slip by one after
    each."""
    good = {"cat/2.png": 20, "cat/4.png": 40, "dog/2.png": 120, "eel/1.png": 200}
    files = NO_PICTURES | {name: plain(level) for name, level in good.items()} | {"eel/2.PNG": b"no"}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == ["cat/3-empty.png", "dog/1-text.png", "dog/3-head.jpg", "eel/2.PNG"]
    assert pictures.class_names == ["cat", "dog", "eel"]
    assert pictures.labels.tolist() == [0, 0, 1, 2]
    assert levels_of(pictures) == [20, 40, 120, 200]
    assert len(pictures) == 4
    line = pictures.describe()
    assert line.startswith("4 pictures at 8x8 (height x width), grey, 3 classes, from ")
    assert line.endswith("; 4 more do not open and are skipped: cat/3-empty.png, dog/1-text.png, dog/3-head.jpg, ...")


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_the_next_of_the_class_stands_in_for_a_cut_one(tmp_path, capsys, zipped):
    """Would catch a cut picture that ends the run after hours, one of another class in its place, and a line for every
    time that it is asked for."""
    files = {"cat/1.png": half_jpeg(), "cat/2.png": half_jpeg(), "cat/3.png": plain(30), "dog/1.png": plain(100)}
    files |= {"dog/2.png": plain(110), "dog/3.jpg": flipped_png()}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == [] and len(pictures) == 6
    assert levels_of(pictures) == [30, 30, 30, 100, 110, 100]  # after the last dog comes the first
    assert levels_of(pictures) == [30, 30, 30, 100, 110, 100]
    printed = "".join(capsys.readouterr())
    assert printed.splitlines() == [
        f"{name} does not decode; the next picture stands in for it" for name in ("cat/1.png", "cat/2.png", "dog/3.jpg")
    ]


def test_who_stands_in_does_not_hang_on_the_order(tmp_path):
    """Would catch a stand-in that is whatever was decoded before: a resumed run reads in another order."""
    files = {f"{number}.png": half_jpeg() if number in (2, 3, 5) else plain(10 * number) for number in range(1, 6)}
    folder = write_files(tmp_path, files)
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 1, 0, 3]):
        images = load_pictures(str(folder), 8, 8, 1).images
        found = {place: int(images[[place]][0, 0, 0, 0]) for place in order}
        assert found == {0: 10, 1: 40, 2: 40, 3: 40, 4: 10}  # without classes, the next of all


def test_many_cut_pictures_are_not_all_printed(tmp_path, capsys):
    """Would catch a terminal flooded by a bad disk, and one that does not say who names the rest."""
    files = {f"{number}.jpg": half_jpeg() for number in range(6)} | {"9.png": plain(7)}
    assert levels_of(load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)) == [7] * 7
    lines = "".join(capsys.readouterr()).splitlines()
    assert [line.split()[0] for line in lines] == ["0.jpg", "1.jpg", "2.jpg", "more"]
    assert lines[-1].endswith(f"python defDATA.py {tmp_path} names them all")


def test_a_class_without_one_whole_picture(tmp_path):
    """Would catch an endless search for a stand-in, and a picture of another class in its place."""
    files = {"cat/1.png": plain(1), "dog/1.jpg": half_jpeg(), "dog/2.jpg": half_jpeg()}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert pictures.images[[0]][0, 0, 0, 0] == 1
    with pytest.raises(InputError, match=r"none of the 2 pictures beside dog/2\.jpg in .* decodes"):
        pictures.images[[2]]


def test_description_names_up_to_three():
    """Would catch dots where nothing was left out, and a line that grows with thousands of bad files."""
    images = np.zeros((1234, 8, 12, 4), "uint8")
    plain_line = "1,234 pictures at 8x12 (height x width), colour and alpha, no classes, from here"
    assert defDATA.Pictures(images, None, None, "here").describe() == plain_line
    three = defDATA.Pictures(images, None, None, "here", ["a", "b", "c"]).describe()
    assert three == plain_line + "; 3 more do not open and are skipped: a, b, c"


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_none_opens(tmp_path, zipped):
    """Would catch a data set of no pictures that fails later, far from its cause."""
    path = write_zip(tmp_path / "a.zip", NO_PICTURES) if zipped else write_files(tmp_path, NO_PICTURES)
    with pytest.raises(InputError, match=r"none of the 3 pictures .* cat/3-empty\.png"):
        load_pictures(str(path))


@pytest.mark.parametrize("early", [True, False], ids=["first bytes", "last bytes"])
def test_damaged_entry_of_a_zip(tmp_path, early):
    """Would catch a .zip with one damaged entry that is given up as a whole."""
    noise = noise_jpeg(128)  # long enough that opening it does not read its end
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.jpg": noise, "c.png": plain(3)})
    data = bytearray(path.read_bytes())
    data[data.index(noise) + (1 if early else len(noise) - 50)] ^= 0xFF
    path.write_bytes(data)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == (["b.jpg"] if early else [])
    assert levels_of(pictures) == ([1, 3] if early else [1, 3, 3])
    assert pictures.images.broken == (set() if early else {"b.jpg"})


def test_a_folder_whose_files_all_fail_to_open_is_no_class(tmp_path):
    """Would catch a class that no picture belongs to: a conditional run would be asked for it and never see it."""
    files = {"cat/1.png": plain(10), "dog/1.png": plain(200), "bird/1.png": b"no picture"}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert pictures.class_names == ["cat", "dog"] and pictures.labels.tolist() == [0, 1]
    assert levels_of(pictures) == [10, 200]


@pytest.mark.parametrize("gone", ["one file", "the folder"])
def test_pictures_that_vanish_while_running(tmp_path, gone):
    """Would catch a drive that went away taken for pictures cut short, for which others stand in as long as there are
    any."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1), "b.png": plain(2)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.images[[0]][0, 0, 0, 0] == 1
    (folder / "b.png").unlink()
    if gone == "the folder":
        (folder / "a.png").unlink()
        folder.rmdir()
    with pytest.raises(InputError, match=r"^[^\n]*b\.png was there and cannot be read any more \(.*\); put [^\n]*$"):
        pictures.images[[1]]
    assert pictures.images[[0]][0, 0, 0, 0] == 1 and not pictures.images.broken


# Fingerprints


def fingerprint(path):
    """Give the fingerprint of the pictures at a path, at a size of no importance."""
    return load_pictures(str(path), 8, 8, 1).fingerprint()


def test_fingerprint_of_a_folder(tmp_path):
    """Would catch a resumed run that does not notice a picture taken out, put in, renamed or replaced, and one that is
    refused because its folder was moved."""
    files = {"cat/a.png": plain(1), "dog/b.png": plain(2)}
    first = fingerprint(write_files(tmp_path / "first", files))
    assert fingerprint(write_files(tmp_path / "elsewhere", files | {"notes.txt": b"no picture"})) == first
    changes = {
        "size": {"cat/a.png": plain(1, size=100)},
        "another": {"dog/c.png": plain(3)},
        "another that does not open": {"dog/c.png": b""},
    }
    found = {fingerprint(write_files(tmp_path / name, files | change)) for name, change in changes.items()}
    found.add(fingerprint(write_files(tmp_path / "name", {"cat/a2.png": plain(1), "dog/b.png": plain(2)})))
    found.add(fingerprint(write_files(tmp_path / "class", {"cat/a.png": plain(1), "cow/b.png": plain(2)})))
    found.add(fingerprint(write_files(tmp_path / "fewer", {"cat/a.png": plain(1)})))
    assert len(found) == 6 and first not in found


def test_fingerprint_of_a_zip_and_an_array(tmp_path):
    """Would catch sizes as they are packed, which hang on who packed them, and arrays told apart by their shape
    alone."""
    files = {"a.png": plain(1), "b.png": plain(2)}
    stored = fingerprint(write_zip(tmp_path / "a.zip", files))
    assert fingerprint(write_zip(tmp_path / "b.zip", files, compression=zipfile.ZIP_DEFLATED)) == stored
    assert fingerprint(write_zip(tmp_path / "c.zip", files | {"b.png": plain(2, size=100)})) != stored
    zeros = np.zeros((3, 8, 8), "uint8")
    np.savez(tmp_path / "a.npz", x_train=zeros)
    np.savez(tmp_path / "b.npz", x_train=zeros)
    zeros[1, 2, 3] = 1
    np.savez(tmp_path / "c.npz", x_train=zeros)
    one, same, other = (fingerprint(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    assert one == same != other


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

    def forbidden(path, mode):
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied", str(path))
        return path.open(mode)

    monkeypatch.setattr(picture_files, "open", forbidden, raising=False)
    pictures = load_pictures(str(tmp_path), 8, 8, 1)
    assert pictures.broken == ["a.png"] and levels_of(pictures) == [2]


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
    monkeypatch.setattr(shapes, "two_colours", lambda random: ((0, 0, 0), (255, 255, 255)))


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


def test_main_ends_in_one_line(tmp_path, capsys):
    """Would catch a traceback, a usage text of several lines, and an exit code that scripts take for success."""
    missing = str(tmp_path / "missing")
    assert ends_with_one_line([missing], capsys).startswith(f"defDATA.py: no such file or folder: {missing};")
    assert "path" in ends_with_one_line([], capsys)
    assert "two\\nlines" not in ends_with_one_line([str(tmp_path / "two\nlines")], capsys)
    ends_with_one_line([str(tmp_path / ("x" * 300))], capsys)  # longer than a file system takes
    ends_with_one_line([str(write_files(tmp_path, {"a.npz": b"no"}) / "a.npz")], capsys)


def test_an_empty_name_is_not_this_folder():
    """Would catch `--data ""` (an unset variable in a script) training on whatever lies around."""
    with pytest.raises(InputError, match="an empty name"):
        load_pictures("")
