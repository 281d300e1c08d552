"""The page in a real browser, served with a random network: make test-web."""

import contextlib
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.inference.track_files import COLUMNS
from ssa2d_jax.runs import weights_file
from ssa2d_jax.video.reader import read_frames
from tests.fixtures.toy import toy_run
from tests.fixtures.toy_detector import make_video

pytest.importorskip("gradio", reason="the page needs Gradio: pip install '<checkout>[web]'")

ROOT = Path(__file__).resolve().parents[2]
SERVER = (sys.executable, "-m", "ssa2d_jax.web.server")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
WAIT = 120_000  # milliseconds at most, on a busy machine


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "toy.safetensors"
    run = toy_run(A2D)
    weights_file.save_run(path, run.variables, step=7, config=run.config.to_dict(), space=A2D, workdir=path.parent)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    make_video(folder / "nine.mp4", 9)
    (folder / "notes.txt").write_text("no clip")
    return folder


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(network, clips, folder):
    """The page's address and its process, whose temporary files go into `folder`; the process is ended at last."""
    command = [*SERVER, f"--workdir={network}", f"--examples={clips}", f"--port={free_port()}"]
    with open(folder.with_suffix(".log"), "w+") as log:
        server = subprocess.Popen(
            [*command, "--max_seconds=2", "--max_megabytes=1"],
            cwd=ROOT, env=os.environ | {"TMPDIR": str(folder)}, stderr=log, stdout=log,
        )  # fmt: skip
        try:
            yield _address(log, server), server
        finally:
            server.kill()
            server.wait()


def _address(log, server):
    for _ in range(WAIT // 100):
        log.seek(0)
        text = log.read()
        if "open http" in text:
            return text.split("open ")[1].split()[0]
        assert server.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(f"no page after {WAIT / 1000:g} s: {text}")


def files_in(folder):
    """All uploads and results; Gradio leaves empty files until the end."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def becomes_true(condition):
    """Whether the condition holds within 30 seconds."""
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def address(network, clips, folder):
    with serving(network, clips, folder) as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright: make test-web")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page again; at the end every request of all pages must have gone to this machine."""
    with contextlib.ExitStack() as stack:
        requested, errors = [], []

        def open_page():
            page = stack.enter_context(contextlib.closing(browser.new_page()))
            page.set_default_timeout(WAIT)
            page.on("request", lambda request: requested.append(request.url))
            page.on("pageerror", lambda error: errors.append(error))
            page.goto(address)
            page.get_by_role("button", name="Label it").wait_for()
            return page

        yield open_page
    elsewhere = [url for url in requested if not url.startswith((address, "data:", "blob:"))]
    assert len(requested) > 5 and elsewhere == [] and errors == []


def give(page, path):
    """Uploads a clip."""
    page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_text(path.stem[:5]).first.wait_for()


def take_back(page):
    page.get_by_label("Clear").first.click()


def press(page):
    page.get_by_role("button", name="Label it").click()


def test_a_clip_is_uploaded_and_its_labels_are_seen_and_downloaded(visit, folder, tmp_path):
    page = visit()
    page.locator(".thumbnails img").wait_for()
    kept = set(files_in(folder))  # pictures of the clips to try
    give(page, make_video(tmp_path / "six.mp4", 6))
    press(page)
    page.get_by_text("6 frames labelled").wait_for()
    page.locator("video").wait_for()
    page.wait_for_function("document.querySelector('video').videoWidth == 384")  # four times the width of the clip
    assert page.locator("table.shares tr").count() > 2
    files = {}
    for name in ("overlay.mp4", "tracks.csv"):
        with page.expect_download() as waiting:
            page.get_by_text(name).click()
        files[name] = tmp_path / name
        waiting.value.save_as(files[name])
    assert len(list(read_frames(files["overlay.mp4"]))) == 6
    assert tuple(next(csv.reader(files["tracks.csv"].read_text().splitlines()))) == COLUMNS
    assert set(files_in(folder)) > kept
    page.close()
    assert becomes_true(lambda: set(files_in(folder)) == kept), files_in(folder)


def test_one_of_the_examples_is_picked(visit):
    page = visit()
    press(page)
    page.get_by_text("Upload a clip first, or click on one of the pictures.").wait_for()
    pictures = page.locator(".thumbnails .thumbnail-item")
    assert pictures.all_inner_texts() == ["nine.mp4"]
    assert pictures.locator("img").evaluate("picture => picture.naturalWidth") == 96
    pictures.click()
    page.get_by_text("9 frames labelled").wait_for()


def test_what_cannot_be_labelled_is_said_in_the_page(visit, tmp_path):
    page = visit()
    name = "<img src=x onerror='window.harm=1'>.mp4"
    (tmp_path / name).write_text("no video at all")
    give(page, tmp_path / name)
    press(page)
    page.locator(".refused", has_text="not a video that FFmpeg can read").wait_for()
    assert str(tmp_path) not in page.content() and not page.locator("img[src=x]").count()
    take_back(page)
    give(page, make_video(tmp_path / "long.mp4", 60))
    press(page)
    page.locator(".refused", has_text="long.mp4 is 2.4 seconds long; at most 2 seconds").wait_for()
    (tmp_path / name).write_bytes(bytes(1_100_000))
    take_back(page)
    page.locator("input[type=file]").first.set_input_files(tmp_path / name)
    page.get_by_text("exceed the maximum allowed size of 1.0 Mb").first.wait_for()
    assert page.evaluate("window.harm") is None


def test_two_at_once_wait_and_each_has_its_own(visit, tmp_path):
    pages = {count: visit() for count in (7, 11)}
    for count, page in pages.items():
        give(page, make_video(tmp_path / f"frames{count}.mp4", count))
    for page in pages.values():
        press(page)
    for count, page in pages.items():
        page.get_by_text(f"{count} frames labelled").wait_for()


def test_uploads_of_any_name_and_size_stay_where_they_belong(address, browser, folder):
    def post(name, content):
        part = {"name": name, "mimeType": "video/mp4", "buffer": content}
        return browser.new_context().request.post(f"{address}gradio_api/upload", multipart={"files": part})

    (path,) = post("../../x.mp4", b"harmless").json()
    assert Path(path).resolve().is_relative_to(folder) and Path(path).read_bytes() == b"harmless"
    before = files_in(folder)
    assert post("x.mp4", bytes(1_100_000)).status == 413 and files_in(folder) == before


def test_ctrl_c_ends_it_and_leaves_nothing(network, clips, tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(network, clips, folder) as (url, server):
        taken = [*SERVER, f"--workdir={network}", f"--port={url.strip('/').rsplit(':')[-1]}"]
        done = subprocess.run(taken, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "cannot be used" in done.stderr and "--port" in done.stderr
        assert "Traceback" not in done.stderr
        assert list(folder.iterdir()) != []
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 130
    assert list(folder.iterdir()) == [] and "Traceback" not in folder.with_suffix(".log").read_text()
