"""A JupyterLab of its own, and notebooks in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import requests

NEWS = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
# Its splash screen, when shown twice within 200 ms, is removed twice: an error of JupyterLab's own.
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:splash": True}}
TOKEN = "t"  # noqa: S105 (of a server that ends with the tests)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class JupyterLab:
    """A server with all of its folders below one, and nothing of this machine's user.

    Parameters
    ----------
    folder
        Where it lives; notebooks lie in `folder / "work"`.
    """

    def __init__(self, folder):
        self.work = folder / "work"
        self.work.mkdir()
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(NEWS))
        page = folder / "config" / "labconfig"
        page.mkdir(parents=True)
        (page / "page_config.json").write_text(json.dumps(PAGE))
        places = {
            f"JUPYTER_{name}_DIR": str(folder / name.lower())
            for name in ("CONFIG", "DATA", "RUNTIME")
        }
        places |= {
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "GEKKO_LAB_STATE_DIR": str(folder / "state"),
            "GEKKO_LAB_DATA_DIR": str(folder / "log"),
        }
        self.port = free_port()
        self.log = (folder / "server.log").open("w")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={self.port}", f"--IdentityProvider.token={TOKEN}"),
                *("--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={self.work}"),
            ],
            env={**os.environ, **places},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def _wait(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError):
                requests.get(f"{self.url()}/api", params={"token": TOKEN}, timeout=5)
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab didn't start; see {self.log.name}")

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def address(self, name):
        return f"{self.url()}/doc/tree/{name}?token={TOKEN}"

    def write(self, name, *cells):
        """Put a notebook of code cells into the server's folder."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata.kernelspec = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.work / name)

    def open(self, page, name):
        """Open a notebook, and wait for its kernel."""
        page.goto(self.address(name))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        page.wait_for_function(IDLE, timeout=60_000)

    def run(self, page):
        """Run all cells of the open notebook, and wait until they are done."""
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(IDLE, timeout=60_000)

    def execute(self, page, code):
        """Run some code in the kernel of the open notebook, and give what it prints."""
        return page.evaluate(EXECUTE, code)

    def save(self, page):
        """Save the open notebook, and wait until it is."""
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def set_theme(self, page, name):
        """Change the theme as the menu does."""
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light",
            arg=str("Light" in name).lower(),
        )

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
IDLE = f"() => {KERNEL}?.status === 'idle'"
EXECUTE = f"""async (code) => {{
  const future = {KERNEL}.requestExecute({{ code, silent: false, store_history: false }});
  let text = '';
  future.onIOPub = ({{ header, content }}) => {{
    if (header.msg_type === 'stream') text += content.text;
    if (header.msg_type === 'error') text += content.traceback.join('\\n');
  }};
  await future.done;
  return text;
}}"""
