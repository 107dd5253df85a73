"""An executed notebook as a page: its text, its code, and the outputs that it was stored with."""

from __future__ import annotations

import base64
import json
import re
from typing import Any


def page_of(notebook: str, name: str) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook's JSON, and its figures by file name. ``name``: what those names begin with."""
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [_output(output, name, figures) for output in cell["outputs"]]
    return "\n\n".join(part for part in parts if part) + "\n", figures


def _output(output: dict[str, Any], name: str, figures: dict[str, bytes]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        file = f"{name}-{len(figures) + 1}.png"
        figures[file] = base64.b64decode(data["image/png"])
        return f'<img alt="figure" src="{file}">'
    if "text/html" in data:
        table = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.DOTALL)
        return f'<div class="output" markdown="0">{" ".join(table.split())}</div>'
    text = "".join(data.get("text/plain", output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
