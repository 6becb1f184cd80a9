"""Overviews of grouped crops: a contact sheet for each folder, and one page with all of them."""

import html
import io
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from labels.atomic import write_atomically
from labels.contact_sheet import contact_sheet
from labels.groups import SINGLE, group_folders, pictures_in
from labels.pictures import UNREADABLE

SHEETS = "_sheets"
INDEX_FILE = "index.html"

_MARK = "clickorder labels group"

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Groups</title>
<style>body{{font:16px system-ui,sans-serif;margin:2rem;max-width:44rem;color:#222}}
h2{{margin:2rem 0 .3rem;font-size:1.1rem}}small{{color:#666;font-weight:normal}}
img{{max-width:100%;border:1px solid #ddd}}</style>
<h1>{groups} groups, {crops} crops</h1>
<p>Rename a folder to name its class, move files to join or part groups, and run
<code>clickorder labels group</code> again to see the change here.</p>
{rows}</html>
"""


def draw_overview(out: Path) -> dict[str, int]:
    """Draw the sheets and the page anew.

    A sheet is named as its folder. Sheets of folders that are no more are removed, and they are
    told by a mark in them from pictures that somebody else has put there.

    Args:
        out: Folder of the groups.

    Returns:
        Folder to number of crops, largest first, `_single` last; without empty ones.

    Raises:
        OSError: a file cannot be written.
    """
    found = {name: pictures_in(out / name) for name in group_folders(out)}
    ranked = sorted(found.items(), key=lambda group: (-len(group[1]), group[0]))
    ranked = [group for group in [*ranked, (SINGLE, pictures_in(out / SINGLE))] if group[1]]
    (out / SHEETS).mkdir(exist_ok=True)
    mark = PngInfo()
    mark.add_text("Software", _MARK)
    rows = []
    for name, pictures in ranked:
        stream = io.BytesIO()
        contact_sheet(pictures).save(stream, "PNG", pnginfo=mark)
        write_atomically(out / SHEETS / f"{name}.png", stream.getvalue())
        address = html.escape(quote(f"{SHEETS}/{name}.png"))
        rows.append(
            f"<h2>{html.escape(name)} <small>{len(pictures)}</small></h2>\n"
            f'<a href="{html.escape(quote(name))}/"><img loading="lazy" src="{address}" '
            f'alt="{html.escape(name)}"></a>\n'
        )
    sizes = {name: len(pictures) for name, pictures in ranked}
    for sheet in (out / SHEETS).glob("*.png"):
        if sheet.stem not in sizes and _is_ours(sheet):
            sheet.unlink()
    page = _PAGE.format(
        groups=len([name for name in sizes if name != SINGLE]),
        crops=sum(sizes.values()),
        rows="".join(rows),
    )
    write_atomically(out / INDEX_FILE, page.encode())
    return sizes


def _is_ours(sheet: Path) -> bool:
    try:
        with Image.open(sheet) as picture:
            return picture.info.get("Software") == _MARK
    except UNREADABLE:
        return False
