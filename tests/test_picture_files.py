"""Picture files of every kind, decoded to the size and the channels that are wanted."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from defDATA import load_pictures
from made_pictures import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    classes_by_level,
    decode_picture,
    encoded,
    everything,
    levels_of,
    one_colour,
    plain,
    write_files,
)
from support.data import decoding
from support.data.picture_files import PictureFolder


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
    turn = decoding.upright
    monkeypatch.setattr(decoding, "upright", lambda image: seen.append(image.size) or turn(image))
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
