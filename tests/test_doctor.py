"""The dataset doctor: what `python defDATA.py PATH` says, and its contact sheet."""

import errno
import itertools
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

import defDATA
import presets
from support.data import contact_sheet, doctor, looks


def picture(seed, height=16, width=16, channels=3):
    """Make a picture of noise: no two are the same, and none is blank."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype="uint8")
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def save(folder, images):
    """Write a dictionary from paths to Pillow images, or to bytes, below a folder; return the folder."""
    for name, image in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            image.save(path)
    return folder


def noise(count, folder="", **options):
    """Make a dictionary of so many different pictures."""
    return {f"{folder}{number:03d}.png": picture(number, **options) for number in range(count)}


@pytest.fixture
def report(tmp_path, capsys, monkeypatch):
    """Give a function that runs the doctor and gives what it says: a dictionary from a label to its lines."""
    monkeypatch.chdir(tmp_path)

    def run(source, *flags):
        defDATA.main([str(source), *map(str, flags)])
        captured = capsys.readouterr()
        assert captured.err == ""
        found, label = {}, None
        for line in captured.out.splitlines():
            assert line[9] == " " and line[10] != " "
            label = line[:9].strip() or label
            found.setdefault(label, []).append(line[10:])
        return found

    return run


@pytest.fixture
def refusal(tmp_path, capsys, monkeypatch):
    """Give a function that runs the doctor, checks that it ends with exit code 2 and one line, and gives the line."""
    monkeypatch.chdir(tmp_path)

    def run(source, *flags):
        with pytest.raises(SystemExit) as caught:
            defDATA.main([str(source), *map(str, flags)])
        assert caught.value.code == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("defDATA.py: ") and captured.err.count("\n") == 1
        assert "ready" not in captured.out
        return captured.err.removeprefix("defDATA.py: ").rstrip("\n")

    return run


# What it says


def test_pictures_that_need_nothing(tmp_path, report):
    """Would catch a warning that every good data set gets, and a first line that is not train.py's."""
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).integers(0, 256, (2000, 8, 8), dtype="uint8"))
    assert report("a.npz") == {
        "pictures": ["2,000 pictures at 8x8 (height x width), grey, no classes, from a.npz"],
        "sizes": ["all 8x8 (height x width, upright)"],
        "fit": ["the middle picture has the proportions of 8x8"],
        "channels": ["2,000 grey"],
        "classes": ["none; one folder a class would make some, for --conditional"],
        "broken": ["none"],
        "doubles": ["none"],
        "odd": ["none"],
        "sheet": ["contact_sheet.png: 64 of them as they would be trained on; look at it"],
        "ready": [
            "python train.py --preset folder --data a.npz",
            "better pictures sooner: the same with --preset modern",
        ],
    }


def test_sizes_are_those_of_the_files(tmp_path, report):
    """Would catch the wanted size given for the files' own, width before height, a middle by the name instead of the
    size, a photo measured lying on its side, and a large JPEG measured as it was decoded."""
    files = {"a.png": picture(1, 20, 30), "b.png": picture(2, 90, 80), "c.png": picture(3, 10, 300)}
    folder = save(tmp_path / "pictures", files)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (500, 200)).save(folder / "d.jpg")
    Image.new("RGB", (1600, 1200)).save(folder / "e.jpg", exif=turned)  # upright 1600 high and 1200 wide
    found = report(folder, "--image-size", "32x40")
    # By area: 600, 3,000, 7,200, 100,000, 1,920,000.
    assert found["sizes"] == [
        "20x30 the smallest, 90x80 in the middle, 1600x1200 the largest (height x width, upright)",
        "! smaller than 32x40, so enlarged and blurred: 2 of 5",  # 20x30, and 10x300, which is scaled by its height
    ]
    assert [line for line in found["odd"] if "longer" in line] == ["c.png: 10x300 is longer than 4 to 1"]


def test_which_are_enlarged_hangs_on_the_fit(tmp_path, report):
    """Would catch one rule for all fits: of 8x64 at 16x16, cover doubles the size, pad quarters it."""
    folder = save(tmp_path / "pictures", {"a.png": picture(1, 8, 64), "b.png": picture(2, 32, 32)})
    enlarged = "! smaller than 16x16, so enlarged and blurred: 1 of 2"
    for fit, lines in (("cover", [enlarged]), ("stretch", [enlarged]), ("pad", [])):
        assert report(folder, "--image-size", 16, "--fit", fit)["sizes"][1:] == lines


def test_a_size_for_small_pictures(tmp_path, report):
    """Would catch a hint at a size that still enlarges most, or where most are large enough: 64x96 enlarges 33 rows to
    64, 1.94 times; 64 and 96 become 33 and 49, and 32x48 in steps of 8."""
    folder = save(tmp_path / "pictures", {"a.png": picture(1, 33, 99), "b.png": picture(2, 99, 99)})
    assert report(folder, "--image-size", "64x96")["sizes"][1].endswith(": 1 of 2")
    save(folder, {"c.png": picture(3, 33, 80), "d.png": picture(4, 33, 70)})
    assert report(folder, "--image-size", "64x96")["sizes"][1].endswith(": 3 of 4; --image-size 32x48")
    save(folder, {"e.png": picture(5, 9, 9), "f.png": picture(6, 9, 9), "g.png": picture(7, 9, 9)})
    assert report(folder, "--image-size", "16")["sizes"][1].endswith(": 3 of 7")
    save(folder, {"h.png": picture(8, 9, 9), "i.png": picture(9, 9, 9)})
    assert report(folder, "--image-size", "16")["sizes"][1].endswith(": 5 of 9; --image-size 8x8")


def test_a_few_small_ones_are_not_marked(tmp_path, report):
    """Would catch a mark, which says "repair this", for one small picture in ten."""
    folder = save(tmp_path / "pictures", noise(9) | {"small.png": picture(99, 8, 8)})
    assert report(folder, "--image-size", 16)["sizes"][1] == "smaller than 16x16, so enlarged and blurred: 1 of 10"
    save(folder, {"small_2.png": picture(98, 8, 8)})
    assert report(folder, "--image-size", 16)["sizes"][1] == "! smaller than 16x16, so enlarged and blurred: 2 of 11"


@pytest.mark.parametrize(
    ("height", "width", "fit", "line"),
    [
        # 3:2 in a square: a third of the width goes, or the picture fills two thirds of the height.
        (40, 60, "cover", "cover cuts off 33% of the middle picture's width; --fit pad keeps all; --image-size 32x48"),
        (60, 40, "cover", "cover cuts off 33% of the middle picture's height; --fit pad keeps all; --image-size 48x32"),
        (40, 60, "pad", "pad adds white, 33% of the height, to the middle picture; --fit cover fills it; --image-size"),
        (60, 40, "pad", "pad adds white, 33% of the width, to the middle picture; --fit cover fills it; --image-size"),
        (40, 80, "stretch", "stretch squeezes the middle picture's width by 50%; --fit pad keeps its proportions;"),
        (400, 401, "cover", "the middle picture has the proportions of 32x32"),
    ],
)
def test_what_the_fit_does(tmp_path, report, height, width, fit, line):
    """Would catch width and height in each other's place, the share that is kept instead of the one cut off, and a hint
    at a size of other proportions than the pictures'."""
    images = [picture(number, height, width) for number in range(3)]
    folder = save(tmp_path / "pictures", {f"{number}.png": image for number, image in enumerate(images)})
    save(folder, {"wide.png": picture(8, 10, 100), "high.png": picture(9, 100, 10)})  # the middle stays
    assert report(folder, "--image-size", 32, "--fit", fit)["fit"][0].startswith(line)


def test_what_the_fit_does_in_an_oblong(tmp_path, report):
    """Would catch proportions compared with a square's: 3:2 in 32 high and 64 wide is too high, by a quarter."""
    folder = save(tmp_path / "pictures", {f"{number}.png": picture(number, 40, 60) for number in range(3)})
    assert report(folder, "--image-size", "32x64")["fit"] == [
        "cover cuts off 25% of the middle picture's height; --fit pad keeps all; --image-size 32x48 suits it"
    ]
    assert report(folder, "--image-size", "32x48")["fit"] == ["the middle picture has the proportions of 32x48"]


def test_channels(tmp_path, report):
    """Would catch a palette picture with transparency counted as colour, 16 bits as something else than grey, and
    CMYK as colour and alpha because it has four channels."""
    see_through = picture(5).quantize(16)
    see_through.info["transparency"] = 0
    files = {
        "1.png": picture(1, channels=1),
        "2.tif": Image.fromarray(np.random.default_rng(0).integers(0, 65536, (16, 16), dtype="uint16")),
        "3.png": picture(2),
        "4.png": picture(3).quantize(16),
        "5.jpg": picture(4),
        "6.png": see_through,
        "7.png": picture(6, channels=4),
        "8.jpg": picture(7).convert("CMYK"),
    }
    folder = save(tmp_path / "pictures", files)
    assert report(folder)["channels"] == [
        "3 colour, 2 grey, 2 with transparency, 1 CMYK",
        "what is transparent is laid on white; --channels 4 keeps it",
    ]
    assert len(report(folder, "--channels", 4)["channels"]) == 1


def test_all_grey(tmp_path, report):
    """Would catch grey pictures that are trained in colour without a word, and that word where it has been heeded."""
    folder = save(tmp_path / "pictures", noise(3, channels=1))
    assert report(folder)["channels"] == [
        "3 grey",
        "! all are grey: --channels 1 is faster and cannot go wrong in colour",
    ]
    assert report(folder, "--channels", 1)["channels"] == ["3 grey"]


def test_classes(tmp_path, report):
    """Would catch counts under another class's name, and a tenth that is off by one: 2 of 20 are a tenth, 1 is not."""
    files = {f"{name}/{key}": image for name in ("cat", "dog") for key, image in noise(20).items()}
    folder = save(tmp_path / "pictures", files | {f"ant/{key}": image for key, image in noise(2).items()})
    assert report(folder)["classes"] == ["ant 2, cat 20, dog 20"]
    save(folder, {"bee/1.png": picture(1), "dog/text.png": b"no picture"})
    assert report(folder)["classes"] == [
        "ant 2, bee 1, cat 20, dog 20",
        "! fewer than a tenth of the largest class: bee 1",
    ]


def test_many_classes_are_cut_short(tmp_path, report):
    """Would catch a terminal full of class names."""
    labels = np.arange(120)
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype="uint8")
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels)
    text = " ".join(report("a.npz")["classes"])
    assert text.startswith("0 1, 1 1, 2 1, ") and text.endswith("49 1, and 70 more")


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_every_unreadable_file_is_named(tmp_path, report, zipped):
    """Would catch files that are cut short found only by the training, names that are left out after the first three,
    and a stand-in's own picture counted twice."""
    folder = save(tmp_path / "pictures", noise(4) | {f"text_{number}.png": b"no picture" for number in range(5)})
    picture(9, 64, 64).save(folder / "cut.jpg")
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    if zipped:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    found = report(tmp_path / "a.zip" if zipped else folder, "--image-size", 16)
    assert found["broken"][0] == "! 6 do not decode; replace them or take them out"
    assert found["broken"][1:6] == [f"text_{number}.png: does not open, left out" for number in range(5)]
    assert found["broken"][6].startswith("cut.jpg: image file is truncated")
    assert len(found["broken"]) == 7 and found["doubles"] == ["none"]
    assert found["sizes"] == ["all 16x16 (height x width, upright)"]


def test_doubles_by_their_pixels(tmp_path, report):
    """Would catch doubles by name or by file size, a copy in another format that is not found, and pictures called the
    same that differ in one pixel, in their size, or only in what is transparent."""
    one, other = picture(1), picture(2)
    changed = one.copy()
    changed.putpixel((3, 4), (1, 2, 3))
    files = {"a.png": one, "b.bmp": one, "c/a.png": one, "d.png": other, "e.png": other, "f.png": changed}
    files |= {"g.png": one.resize((32, 32), Image.Resampling.NEAREST), "h.png": Image.new("L", (16, 16), 9)}
    files |= {"i.png": Image.new("L", (8, 32), 9), "j.png": Image.new("RGBA", (16, 16), (9, 9, 9, 0))}
    turned = Image.Exif()
    turned[0x0112] = 3
    folder = save(tmp_path / "pictures", files)
    one.rotate(180).save(folder / "k.png", exif=turned)  # stored upside down, with the note that turns it back
    assert report(folder)["doubles"] == [
        "! 4 show the same pixels as another",
        "a.png = b.bmp = c/a.png = k.png",
        "d.png = e.png",
    ]


def test_doubles_in_two_classes(tmp_path, report):
    """Would catch copies in one class taken for a contradiction, and a contradiction passed over."""
    files = {"cat/1.png": picture(1), "cat/2.png": picture(1), "dog/1.png": picture(2), "cat/3.png": picture(2)}
    lines = report(save(tmp_path / "pictures", files))["doubles"]
    assert lines == [
        "! 2 show the same pixels as another",
        "cat/1.png = cat/2.png",
        "cat/3.png = dog/1.png",
        "! 1 of these groups are in more than one class",
    ]


def test_doubles_in_an_array(tmp_path, report):
    """Would catch arrays that are not looked at, or whose pictures have no name."""
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype="uint8")
    images[4] = images[1]
    np.savez(tmp_path / "a.npz", x_train=images)
    assert report("a.npz")["doubles"] == ["! 1 show the same pixels as another", "picture 1 = picture 4"]


def test_long_lists_are_cut_short(tmp_path, report):
    """Would catch thousands of lines, and a list that ends without saying so."""
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype="uint8")
    images[60:] = images[:60]
    np.savez(tmp_path / "a.npz", x_train=images)
    lines = report("a.npz")["doubles"]
    assert len(lines) == 52 and lines[0].startswith("! 60 ") and lines[-1] == "and 10 more"


def test_odd_pictures(tmp_path, report):
    """Would catch a blank scan that is missed for its noise, a dark or a grey picture taken for blank, and 4:1 called
    absurd where only more is."""
    random = np.random.default_rng(0)
    scan = Image.fromarray(random.integers(250, 255, (40, 40, 3), dtype="uint8"))  # 5 levels: a deviation of 1.4
    dark = Image.fromarray(random.integers(0, 30, (40, 40, 3), dtype="uint8"))  # 30 levels: 8.7
    red_blue = Image.new("RGB", (40, 40), (100, 0, 0))
    red_blue.paste((0, 0, 255), (0, 0, 20, 40))  # of the same brightness: 0.299 * 100 and 0.114 * 255
    drawn = Image.new("RGBA", (40, 40), (0, 0, 0, 0))  # black on black, but for its transparency
    drawn.paste((0, 0, 0, 255), (0, 0, 20, 40))
    files = {"scan.png": scan, "dark.png": dark, "red_blue.png": red_blue, "one.png": Image.new("RGB", (40, 40))}
    files |= {"clear.png": Image.new("RGBA", (40, 40), (200, 0, 0, 0)), "drawn.png": drawn}
    files |= {"4_to_1.png": picture(1, 10, 40), "high.png": picture(2, 41, 10)}
    assert report(save(tmp_path / "pictures", files))["odd"] == [
        "! 4 to look at",
        "clear.png: one colour, or nearly",
        "one.png: one colour, or nearly",
        "scan.png: one colour, or nearly",
        "high.png: 41x10 is longer than 4 to 1",
    ]


@pytest.mark.parametrize("count", [1999, 2000])
def test_few_pictures(tmp_path, report, count):
    """Would catch a limit that is not train.py's."""
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype="uint8"))
    assert report("a.npz").get("number") == {
        1999: [
            "! 1,999 pictures are few: D would learn them by heart, so train.py augments below 2,000 (--augment)",
        ]
    }.get(count)


def test_fewer_than_a_batch(tmp_path, report, refusal):
    """Would catch the preset's batch and a typed one treated alike: the one shrinks, the other is refused, as train.py
    does."""
    folder = save(tmp_path / "pictures", noise(200, height=8, width=8))
    assert len(report(folder)["number"]) == 1  # 128
    assert report(folder, "--preset", "cifar100")["number"][1:] == [
        "! fewer than the preset's batch of 256, which shrinks to them"
    ]
    assert report(folder, "--batch-size", 200)["ready"][0].endswith("--batch-size 200")
    assert refusal(folder, "--batch-size", 201) == "--batch-size 201 is more than the 200 pictures there are; lower it"


# What it takes from train.py


def test_presets_are_those_of_train(tmp_path, report, monkeypatch):
    """Would catch a preset that train.py has and the doctor does not know, or pictures looked at unlike its row."""
    row = presets.preset(image_size=[24, 16], channels=1, batch_size=7, data=None, fit="stretch")
    monkeypatch.setitem(presets.PRESETS, "toy", row)
    found = report(save(tmp_path / "pictures", noise(5)), "--preset", "toy")
    assert "24x16 (height x width), grey" in found["pictures"][0]
    assert any("the preset's batch of 7" in line for line in found["number"])
    assert "--preset toy" in found["ready"][0] and "--fit" not in found["ready"][0]
    assert found["fit"][0].startswith("stretch squeezes")
    assert "--fit pad" in report(tmp_path / "pictures", "--preset", "toy", "--fit", "pad")["ready"][0]


@pytest.mark.parametrize(
    ("flags", "size", "words"),
    [
        ([], "64x64 (height x width), colour", ""),
        (["--preset", "cars"], "240x360 (height x width), colour", ""),
        (["--image-size", "24x16"], "24x16 (height x width), colour", "--image-size 24x16"),
        (["--channels", "1"], "64x64 (height x width), grey", "--channels 1"),
        (["--fit", "pad", "--image-size", "9"], "9x9 (height x width), colour", "--image-size 9x9 --fit pad"),
    ],
)
def test_the_command_trains_on_what_was_looked_at(tmp_path, report, flags, size, words):
    """Would catch a size, fit or channels that were looked at and are not in the command, or are not looked at."""
    folder = save(tmp_path / "my pictures", noise(2))
    found = report(folder, *flags)
    assert found["pictures"][0].startswith(f"2 pictures at {size}")
    preset = "cars" if "cars" in flags else "folder"
    assert found["ready"][0] == f"python train.py --preset {preset} --data '{folder}' {words}".rstrip()


def test_the_command_can_be_typed(tmp_path, report):
    """Would catch a command with flags that train.py does not have: its own parser reads it."""
    train = pytest.importorskip("train")
    folder = save(tmp_path / "my pictures", noise(4))
    flags = ["--image-size", "24x16", "--channels", "4", "--fit", "stretch", "--batch-size", "3", "--preset", "cars"]
    words = report(folder, *flags)["ready"][0]
    tables = (train.PRESETS, train.NETWORKS, train.LOSSES, ["color"], defDATA.SOURCES)
    typed = train.flags.parse_arguments(doctor.shlex.split(words)[2:], *tables)
    assert (typed.preset, typed.data, typed.image_size, typed.channels) == ("cars", str(folder), [24, 16], 4)
    assert (typed.fit, typed.batch_size) == ("stretch", 3)


def test_named_sources(monkeypatch, report, refusal):
    """Would catch `shapes` looked at as a folder's preset would take it, or measured as if it were stored in another
    size than it is drawn in."""
    monkeypatch.setattr(defDATA, "SHAPES_COUNT", 20)
    found = report("shapes")
    assert found["sizes"] == ["all 32x32 (height x width, upright)"] and found["doubles"] == ["none"]
    assert found["ready"] == ["python train.py --preset shapes"]
    found = report("shapes", "--image-size", "48x40")
    assert found["sizes"] == ["all 48x40 (height x width, upright)"]
    assert found["ready"] == ["python train.py --preset shapes --image-size 48x40"]
    command = "python train.py --preset folder --data shapes --conditional"  # that preset alone forgets the classes
    assert report("shapes", "--preset", "folder")["ready"][0] == command


def test_arrays_are_measured_as_they_are_stored(tmp_path, report):
    """Would catch an .npz measured after it was brought to another size, which hides that it is enlarged."""
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 16), dtype="uint8")
    np.savez(tmp_path / "a.npz", x_train=images)
    found = report("a.npz", "--image-size", 32)
    assert found["pictures"][0].startswith("3 pictures at 32x32 (height x width), grey")
    assert found["sizes"][0] == "all 8x16 (height x width, upright)" and ": 3 of 3" in found["sizes"][1]
    assert found["fit"][0].startswith("cover cuts off 50% of the middle picture's width")


# What it refuses


def test_unusable(tmp_path, refusal):
    """Would catch "ready" said of what train.py turns away, or stumbles over in its first epoch."""
    one = save(tmp_path / "one", noise(1))
    assert "has one picture that decodes, of 1" in refusal(one)
    save(one, {"cut.png": (one / "000.png").read_bytes()[:-60]})
    assert "has one picture that decodes, of 2" in refusal(one)
    flat = save(tmp_path / "flat", noise(3))
    assert "preset shapes trains on classes, and" in refusal(flat, "--preset", "shapes")
    np.savez(tmp_path / "small.npz", x_train=np.random.default_rng(0).integers(0, 256, (9, 7, 9), dtype="uint8"))
    assert refusal("small.npz").startswith("the pictures are 7x9, below 8 on a side; ")
    classes = save(tmp_path / "classes", {"cat/1.png": picture(1), "cat/2.png": picture(2), "dog/1.png": picture(3)})
    (classes / "dog" / "1.png").write_bytes((classes / "dog" / "1.png").read_bytes()[:-60])
    assert refusal(classes).startswith(f"no picture of class dog in {classes} decodes; ")
    assert not (tmp_path / "contact_sheet.png").exists()


def test_a_class_that_is_missing_from_an_array_is_none(tmp_path, report):
    """Would catch classes without a picture, which a conditional generator would be asked for."""
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype="uint8")
    np.savez(tmp_path / "a.npz", x_train=images, y_train=[0, 0, 3, 3])
    found = report("a.npz")
    assert found["classes"] == ["0 2, 3 2"]
    assert "ready" in found


def test_pictures_that_vanish(tmp_path, refusal, monkeypatch):
    """Would catch a drive that goes away during the look reported as thousands of damaged pictures."""
    folder = save(tmp_path / "pictures", noise(5))
    look_at = looks.look_at

    def look_and_lose(stored, position, size):
        for number in range(5):  # several threads do so at once
            (folder / f"{number:03d}.png").unlink(missing_ok=True)
        return look_at(stored, position, size)

    monkeypatch.setattr(looks, "look_at", look_and_lose)
    assert "was there and cannot be read any more" in refusal(folder)


def test_flags(tmp_path, refusal):
    """Would catch a flag's error in several lines, or one that is only noticed after the work."""
    folder = save(tmp_path / "pictures", noise(3))
    assert "received '7'" in refusal(folder, "--image-size", 7)
    assert "--fit" in refusal(folder, "--fit", "crop")
    assert "--preset" in refusal(folder, "--preset", "people")
    assert refusal(folder, "--out", "sheet.xyz") == "--out sheet.xyz: the contact sheet is a file that ends in .png"
    (tmp_path / "folder.png").mkdir()
    assert "--out folder.png" in refusal(folder, "--out", "folder.png")
    assert "is no folder that you may write to" in refusal(folder, "--out", "missing/sheet.png")


def test_the_sheet_does_not_become_a_picture(tmp_path, monkeypatch, refusal, report):
    """Would catch the contact sheet written among the pictures, where the next training would learn to draw it."""
    folder = save(tmp_path / "pictures", noise(3) | {"deep/1.png": picture(9)})
    for place in ("sheet.png", "deep/sheet.png"):
        assert "lies in" in refusal(folder, "--out", folder / place)
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert "lies in" in refusal(folder, "--out", tmp_path / "link" / "sheet.png")
    monkeypatch.chdir(folder)
    assert "lies in" in refusal(".")
    assert sorted(file.name for file in folder.iterdir()) == ["000.png", "001.png", "002.png", "deep"]
    report(".", "--out", "../sheet.png")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_sheet(tmp_path, monkeypatch, refusal, number):
    """Would catch a traceback at the end of the work, and half a picture left behind."""
    folder = save(tmp_path / "pictures", noise(3))

    def full(self, path, *arguments, **options):
        path.write_bytes(b"half a pic")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Image.Image, "save", full)
    line = refusal(folder, "--out", "sheet.png")
    assert line.startswith(f"sheet.png: {os.strerror(number)}; ") and "--out" in line
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pictures"]


# The contact sheet


def labelled(counts, height=8, width=8, channels=3):
    """Make `defDATA.Pictures` in which every picture of class k is red, and 10 k + 10 bright."""
    labels = np.repeat(np.arange(len(counts)), counts).astype("int32")
    images = np.zeros((len(labels), height, width, channels), "uint8")
    images[..., 0] = (10 * labels + 10)[:, None, None]
    return defDATA.Pictures(images, labels, [f"class {number}" for number in range(len(counts))], "here")


def reds(sheet):
    """Give the red of every pixel of a sheet, and 0 for those that are not purely red: text, and the white between."""
    pixels = np.asarray(sheet)
    return np.where(pixels[..., 1] == 0, pixels[..., 0], 0)


@pytest.mark.parametrize(("classes", "each"), [(2, 4 * 8), (3, 2 * 10), (5, 12), (10, 6), (16, 4)])  # columns * rows
def test_class_stands_beside_class(classes, each):
    """Would catch classes that are mixed, in another order than their names, or shown unequally often."""
    pictures = labelled([100] * classes)
    sheet, shown = contact_sheet.draw_contact_sheet(pictures, np.arange(len(pictures)), "words")
    levels = [10 * number + 10 for number in range(classes)]
    lowest_row = reds(sheet)[-40]
    assert list(dict.fromkeys(lowest_row[lowest_row > 0].tolist())) == levels
    # 8x8 is drawn as 64x64.
    assert [(reds(sheet) == level).sum() / 64**2 for level in levels] == [each] * classes
    assert shown == classes * each


def test_a_small_class_leaves_room():
    """Would catch a class of two pictures that is filled up, or that moves the others out of their places."""
    pictures = labelled([100, 2, 100])
    sheet, shown = contact_sheet.draw_contact_sheet(pictures, np.arange(202), "words")
    assert [(reds(sheet) == level).sum() / 64**2 for level in (10, 20, 30)] == [20, 2, 20] and shown == 42


def test_many_classes_are_mixed():
    """Would catch 17 narrow bands instead of an even choice from the first picture to the last."""
    pictures = labelled([10] * 17)
    sheet, count = contact_sheet.draw_contact_sheet(pictures, np.arange(170), "words")
    assert count == 64 and set(np.unique(reds(sheet))) == {10 * number for number in range(18)}


def test_the_choice_is_spread_evenly():
    """Would catch the first 64 taken: of 253 pictures every fourth, from the first to the last."""
    assert contact_sheet.spread(np.arange(253), 64).tolist() == list(range(0, 253, 4))
    assert contact_sheet.spread(np.array([3, 5, 9]), 64).tolist() == [3, 5, 9]


def test_only_whole_pictures_are_shown(tmp_path, report):
    """Would catch a stand-in shown twice, as if it were one of the pictures."""
    folder = save(tmp_path / "pictures", noise(3, height=40, width=40))
    for number in (1, 3):
        Image.new("RGB", (40, 40), (50 * number, 0, 0)).save(folder / f"{number:03d}.png")
    (folder / "002.png").write_bytes((folder / "002.png").read_bytes()[:-2000])
    (folder / "000.png").unlink()
    assert report(folder, "--image-size", 16)["sheet"][0].startswith("contact_sheet.png: 2 of them")
    found = reds(Image.open("contact_sheet.png"))
    assert (found == 50).sum() == (found == 150).sum() == 64**2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_sheets_of_all_kinds(count, channels):
    """Would catch channels or counts that the sheet cannot be drawn from, and a grid that is wider than its sheet."""
    images = np.full((count, 24, 36, channels), 90, "uint8")
    sheet, shown = contact_sheet.draw_contact_sheet(
        defDATA.Pictures(images, None, None, "here"), np.arange(count), "x" * 500
    )
    assert sheet.mode == "RGB" and 0.9 * min(count, 64) <= shown <= min(count, 64)
    columns = np.flatnonzero((np.asarray(sheet.convert("L")) != 255).any(axis=0))
    assert columns.min() > 0 and columns.max() < sheet.width - 1  # the title, too, is cut to what there is room for


def test_what_is_transparent_is_white_on_the_sheet():
    """Would catch the colours that hide under what is transparent."""
    images = np.zeros((4, 16, 16, 4), "uint8")
    images[..., 0] = 200
    images[:2, ..., 3] = 255
    sheet, _ = contact_sheet.draw_contact_sheet(defDATA.Pictures(images, None, None, "here"), np.arange(4), "words")
    assert (reds(sheet) == 200).sum() == 2 * 64**2


def test_the_sheet_shows_what_is_trained_on(tmp_path, report):
    """Would catch a sheet of the files as they are: at the wanted size and fit, a third of a 3:2 picture is gone."""
    image = Image.new("RGB", (48, 32), (10, 200, 10))
    image.paste((200, 10, 10), (0, 0, 8, 32))  # the sixth that cover cuts off
    folder = save(tmp_path / "pictures", {"a.png": image, "b.png": image})
    np.savez(tmp_path / "a.npz", x_train=np.stack([np.asarray(image)] * 2))
    ways = [("cover", False), ("pad", True), ("stretch", True)]
    for source, (fit, seen) in itertools.product((folder, "a.npz"), ways):
        report(source, "--image-size", 32, "--fit", fit)
        pixels = np.asarray(Image.open("contact_sheet.png")).astype(int)
        assert ((pixels[..., 0] > 150) & (pixels[..., 1] < 60)).any() == seen


def test_without_keras(tmp_path):
    """Would catch a look into a folder that first waits ten seconds for a backend, or needs one."""
    folder = save(tmp_path / "pictures", noise(3))
    words = [str(folder), "--out", str(tmp_path / "a.png")]
    program = f"import sys, defDATA; defDATA.main({words}); print([*sys.modules])"
    suite = doctor.pathlib.Path(defDATA.__file__).parent
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=suite)
    assert found.stderr == "" and "'defDATA'" in found.stdout
    assert not any(f"'{name}'" in found.stdout for name in ("keras", "tensorflow", "jax", "torch", "matplotlib"))
