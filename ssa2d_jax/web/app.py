"""The page in the browser, by Gradio: which parts it has, what a button does, and whose files are whose."""

import os
from collections.abc import Mapping
from pathlib import Path

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.track_files import NAMES
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log
from ssa2d_jax.web import html
from ssa2d_jax.web.label_clip import OVERLAY, Limits, label_clip
from ssa2d_jax.web.sessions import Gone, Visits

# Before Gradio is imported: it tells nobody that it runs, and asks this machine for nothing through a proxy.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))

import gradio as gr  # noqa: E402

ADDRESS = "127.0.0.1"
_MOST_WAITING = 20


def build(detector: Detector, limits: Limits, examples: Mapping[str, Path], folder: Path) -> gr.Blocks:
    """The page. `examples`, clips by name, can be picked; results go into `folder`, from which Gradio serves them.

    That is `GRADIO_TEMP_DIR`, which Gradio reads when it is imported: uploads go there, too.
    """
    visits, space = Visits(folder), detector.space

    def label(upload, picked, request: gr.Request, progress=gr.Progress()):  # noqa: B008
        if upload is None and picked is None:
            return html.error("Upload a clip or pick one first."), *_hidden()
        clip = Path(upload) if upload is not None else examples[picked]
        visit = request.session_hash

        def tell(done: int, total: int | None) -> None:
            visits.check(visit)
            progress((done, total), desc="labelling", unit="frames")

        try:
            labelled = label_clip(detector, clip, visits.new_folder(visit), limits, tell)
        except InputError as error:
            return html.error(str(error)), *_hidden()
        except OSError as error:
            return html.error(f"The result can't be written: {error.strerror}"), *_hidden()
        except Gone:
            return "", *_hidden()
        log(f"a clip of {labelled.frames} frames is labelled")
        return (
            html.summary(labelled),
            gr.Video(str(labelled.overlay), visible=True),
            gr.HTML(html.timeline(labelled), visible=True),
            gr.HTML(html.shares(labelled.shares, space), visible=True),
            *(gr.DownloadButton(value=str(path), visible=True) for path in (labelled.overlay, *labelled.tables)),
        )

    def note_upload(upload, request: gr.Request):
        visits.uploaded(request.session_hash, Path(upload))

    def forget(request: gr.Request):
        visits.end(request.session_hash)

    with gr.Blocks(title="SSA2D", analytics_enabled=False) as page:
        gr.HTML(html.about(space, limits), padding=False)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                upload = gr.File(label="Upload a clip", height=150)
                picked = gr.Dropdown(list(examples), value=None, label="or pick one", visible=bool(examples))
                button = gr.Button("Label it", variant="primary")
            with gr.Column(scale=3, min_width=280):
                status = gr.HTML("", min_height=64, padding=False)
                overlay = gr.Video(label="Overlay", visible=False, autoplay=True, loop=True, buttons=[])
        timeline, shares = (gr.HTML(visible=False, padding=False) for _ in range(2))
        with gr.Row():
            downloads = [gr.DownloadButton(name, visible=False, size="sm") for name in (OVERLAY, *reversed(NAMES))]
        upload.upload(note_upload, upload, None, queue=False).then(lambda: None, None, picked, queue=False)
        picked.input(lambda: None, None, upload, queue=False)
        outputs = [status, overlay, timeline, shares, *downloads]
        # One clip at a time goes through the network; the others wait in order.
        button.click(label, [upload, picked], outputs, concurrency_limit=1, show_progress_on=status)
        page.unload(forget)
    return page.queue(max_size=_MOST_WAITING)


def _hidden() -> tuple:
    """No result: overlay, timeline, shares and the three downloads are put away."""
    kinds = (gr.Video, gr.HTML, gr.HTML, gr.DownloadButton, gr.DownloadButton, gr.DownloadButton)
    return tuple(kind(value=None, visible=False) for kind in kinds)


def open_page(page: gr.Blocks, port: int, limits: Limits) -> str:
    """Serves the page on this machine's own address, in threads of its own -> its address.

    InputError where the port is taken.
    """
    try:
        _, url, _ = page.launch(
            server_name=ADDRESS, server_port=port, share=False, prevent_thread_lock=True, quiet=True, ssr_mode=False,
            max_file_size=limits.bytes, theme=gr.themes.Default(), css=html.CSS, footer_links=[],
            run_history=False, enable_monitoring=False, inbrowser=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise InputError(f"port {port} can't be used ({error}); give another with --port") from error
    return url
