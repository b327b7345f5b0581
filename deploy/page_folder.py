"""Writes the folder of the web page: any static host serves it, and it asks no other server for anything."""

import json
import shutil

from deploy import PAGE, PAGE_FILES
from deploy.vendor import vendored
from support.system.atomic_files import folder_written_beside
from support.system.errors import InputError


def check_page_folder(folder):
    """Refuse a place where the page cannot be written, before the long work.

    Raises:
        InputError: If the place is a file, or a folder that holds something else than such a page.
    """
    if folder.is_file():
        raise InputError(f"--page {folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "generator.json").exists():
        raise InputError(f"--page {folder} is a folder with other files in it; name an empty or a new one")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"--page {folder}: there is no folder {folder.absolute().parent}; create it first")


def write_page(folder, model, information, icon):
    """Write the page completely or not at all; an older page in its place is replaced.

    Args:
        folder: Where it goes.
        model: Path of the ONNX model.
        information: What `deploy.export.about` gave; the page reads it from generator.json.
        icon: Pillow image for the browser's tab.
    """
    check_page_folder(folder)
    libraries = vendored()
    with folder_written_beside(folder, replace=True) as temporary:
        (temporary / "vendor").mkdir()
        for name in PAGE_FILES:
            shutil.copyfile(PAGE / name, temporary / name)
        shutil.copyfile(PAGE / "painter_browser.js", temporary / "painter.js")
        for path in libraries:
            shutil.copyfile(path, temporary / "vendor" / path.name)
        shutil.copyfile(model, temporary / "generator.onnx")
        (temporary / "generator.json").write_text(json.dumps(information))
        icon.save(temporary / "icon.png")
