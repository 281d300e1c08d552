"""Whose files are whose: what a page uploaded or got is deleted when it is closed."""

import shutil
import tempfile
import threading
from pathlib import Path


class Gone(Exception):
    """The page was closed before the work for it was done."""


class Visits:
    """Files of every open page, each known by a text of its own; may be asked from several threads."""

    def __init__(self, folder: Path):
        """Results go into folders in `folder`."""
        self._folder, self._lock = folder, threading.Lock()
        self._files: dict[str, set[Path]] = {}
        self._ended: set[str] = set()

    def check(self, visit: str) -> None:
        """Gone if this page was closed."""
        if visit in self._ended:
            raise Gone

    def new_folder(self, visit: str) -> Path:
        """A folder for a result of this page, in place of the one before; Gone if it was closed."""
        with self._lock:
            self.check(visit)
            own = self._files.setdefault(visit, set())
            for before in [path for path in own if path.is_dir()]:
                shutil.rmtree(before, ignore_errors=True)
                own.remove(before)
            folder = Path(tempfile.mkdtemp(prefix="result-", dir=self._folder))
            own.add(folder)
        return folder

    def uploaded(self, visit: str, file: Path) -> None:
        """Notes an upload of this page, which from now on no other page's end deletes."""
        with self._lock:
            self._files.setdefault(visit, set()).add(file)

    def end(self, visit: str) -> None:
        """Deletes what this page had, but uploads that another has, too: Gradio keeps the same file once."""
        with self._lock:
            self._ended.add(visit)
            own = self._files.pop(visit, set())
            for path in own.difference(*self._files.values()):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
