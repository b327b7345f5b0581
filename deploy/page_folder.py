"""Writes the folder of the web page: any static host serves it, and it asks no other server for anything."""

import json
import shutil

from deploy import PAGE, PAGE_FILES
from deploy.vendor import vendored
from support.system.atomic_files import folder_written_beside
from support.system.errors import InputError

OF_A_PAGE = {*PAGE_FILES, "painter.js", "vendor", "generator.onnx", "generator.json", "icon.png"}


def check_page_folder(folder):
    """Refuse a place where the page cannot be written, before the long work.

    Raises:
        InputError: If the place is a file, or a folder that holds anything else than an older page: it is replaced as a
            whole, so a stranger's file, or a repository, would be lost.
    """
    if folder.is_file():
        raise InputError(f"--page {folder} is a file; name a folder")
    if folder.is_dir():
        others = sorted({path.name for path in folder.iterdir()} - OF_A_PAGE)
        if others:
            shown = ", ".join(others[:3]) + (" and others" if len(others) > 3 else "")
            raise InputError(
                f"--page {folder} holds {shown}, which is no part of a page; name an empty or a new folder"
            )
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
