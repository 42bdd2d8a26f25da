"""The list of kept visits, and what can be done with the present one."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from molar.app.demo.views import button


def visits_view(kept: Sequence[Mapping[str, Any]], visit: str, name: str) -> str:
    """Save, replay, download and open; then the visits that are kept.

    Args:
        kept: as `SavedVisits.of` returns them.
        visit: the present one as `visit_to_json` writes it; empty for one without history.
        name: that is proposed for it.
    """
    off = "" if visit else " disabled"
    href = f"data:application/json;base64,{base64.b64encode(visit.encode()).decode()}"
    download = f'<a class="chip" download="visit.json" href="{href}">Download</a>' if visit else ""
    lines = "".join(_line(one) for one in kept)
    listed = f'<ul class="visits">{lines}</ul>' if lines else '<p class="empty">No visit is kept yet.</p>'
    return (
        '<div class="now" data-form><label>Name of this visit <input type="text" maxlength="80" '
        f'value="{escape(name)}"></label><button type="button" class="solid" data-action="save"{off}>Keep it</button>'
        f'<button type="button" class="chip" data-action="replay"{off}>Replay step by step</button>{download}'
        '<label class="chip">Open a file<input type="file" data-reads="text" accept=".json,application/json"></label>'
        "</div>"
        f"{listed}"
    )


def _line(one: Mapping[str, Any]) -> str:
    token, name = str(one["token"]), str(one["name"])
    return (
        f'<li data-form><input type="text" maxlength="80" value="{escape(name)}" aria-label="Name">'
        f"<time>{escape(str(one['saved'])[:16].replace('T', ' '))} UTC</time>"
        f'<button type="button" class="chip" data-action="reopen" data-item="{escape(token)}">Open</button>'
        f'<button type="button" class="chip" data-action="rename" data-item="{escape(token)}">Rename</button>'
        f'<a class="chip" href="?visit={escape(token)}">Link</a>'
        f"{button('delete', f'Delete {name}', '&times;', token)}</li>"
    )
