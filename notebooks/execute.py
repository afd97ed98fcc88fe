"""Run notebooks anew and save them as they are committed: `python notebooks/execute.py [FILE …]`.

Nothing is saved that differs from one run to the next: no times of execution, no state of widgets,
no version of Python. References to widgets are left out, so that a notebook that is opened without
being run shows their still pictures, not widgets that aren't there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def execute(file: Path) -> None:
    """Run all cells of a notebook from a fresh kernel, and save it."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        cell.metadata.clear()
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
        store_widget_state=False,
        record_timing=False,
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    nbformat.write(notebook, file)


def main(names: list[str]) -> None:
    """Run the named notebooks, or all of them."""
    files = [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("GEKKO_LAB_STATE_DIR", folder)
        for file in files:
            execute(file)


if __name__ == "__main__":
    main(sys.argv[1:])
