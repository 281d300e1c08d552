"""The files of each open page: what it uploaded or received is deleted when it is closed."""

import shutil
import tempfile
import threading
from pathlib import Path


class PageClosed(Exception):
    """The page was closed before the work for it was done."""


class Sessions:
    """The files of every open page; each page is identified by a unique string. Several threads may use it."""

    def __init__(self, folder: Path) -> None:
        """Starts without pages; results go into folders in `folder`."""
        self._folder, self._lock = folder, threading.Lock()
        self._files: dict[str, set[Path]] = {}
        self._closed: set[str] = set()

    def check_open(self, page: str) -> None:
        """Raises PageClosed if this page was closed."""
        if page in self._closed:
            raise PageClosed

    def new_folder(self, page: str) -> Path:
        """Makes a folder for a result of this page in place of the one before; raises PageClosed if it was closed."""
        with self._lock:
            self.check_open(page)
            files = self._files.setdefault(page, set())
            for earlier in [path for path in files if path.is_dir()]:
                shutil.rmtree(earlier, ignore_errors=True)
                files.remove(earlier)
            folder = Path(tempfile.mkdtemp(prefix="result-", dir=self._folder))
            files.add(folder)
        return folder

    def add_upload(self, page: str, file: Path) -> None:
        """Notes an upload of this page; closing another page does not delete it from now on."""
        with self._lock:
            self._files.setdefault(page, set()).add(file)

    def close(self, page: str) -> None:
        """Deletes this page's files, except uploads that another page has as well: Gradio keeps equal files once."""
        with self._lock:
            self._closed.add(page)
            files = self._files.pop(page, set())
            for path in files.difference(*self._files.values()):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
