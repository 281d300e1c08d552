"""The log of a training run: lines for the user, TensorBoard scalars, and metrics/training.csv."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import jax
import optax

from ssa2d_jax.training.open_rows import EMPTY, OpenRow
from ssa2d_jax.utils.errors import Diverged
from ssa2d_jax.utils.progress import duration, is_due, log

# Columns of metrics/training.csv: means since the row before, and the rate.
COLUMNS = (
    "step", "loss", "actor", "action", "mask", "gradient_norm", "learning_rate",
    "steps_per_second", "clips_per_second",
)  # fmt: skip
ADVICE = "Try a lower learning rate (config.train.lr_phases) or config.train.clip_gradient"  # when training diverged
_SHOWN_LOSSES = ("loss", "actor", "action", "mask")
_LONGEST_SILENCE = 20.0  # seconds between two lines
_WAITED = 1e-3  # seconds; metrics that come sooner were ready before they were asked for

Values = Mapping[str, float]


class RateTimer:
    """Steps per second since `restart`; time spent on anything but training can be excluded.

    Times are those of `time.monotonic`.
    """

    def __init__(self, step: int, now: float):
        self.restart(step, now)

    def restart(self, step: int, ended: float) -> None:
        """Measures from time `ended` on, when step `step` ended."""
        self._first_step, self._start = step, ended
        self.mark(step, ended)

    def mark(self, step: int, ended: float) -> None:
        """Notes that step `step` ended at time `ended`."""
        self._step, self._last = step, ended

    def exclude_pause(self) -> None:
        """Leaves the time since the last mark out of the rate."""
        now = time.monotonic()
        self._start += now - self._last
        self._last = now

    def rate(self) -> float | None:
        """Steps per second up to the last mark; None before the first step."""
        steps = self._step - self._first_step
        return steps / max(self._last - self._start, 1e-9) if steps else None


class RunningMeans:
    """Means of named values since `reset`; `so_far` of a run before counts, too."""

    def __init__(self, so_far: OpenRow = EMPTY) -> None:
        self._sums, self._count = dict(so_far.sums), so_far.steps

    def reset(self) -> None:
        """Forgets everything."""
        self._sums, self._count = {}, 0

    def add(self, values: Values) -> None:
        """Counts one set of values."""
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}
        self._count += 1

    def so_far(self) -> OpenRow:
        """What another one can go on from."""
        return OpenRow(dict(self._sums), self._count)

    def means(self) -> dict[str, float]:
        """The mean of each value."""
        return {name: value / self._count for name, value in self._sums.items()}


class ScalarWriter(Protocol):
    """The part of CLU's writers that the log uses."""

    def write_scalars(self, step: int, scalars: Mapping[str, float], /) -> None:
        """Writes scalars for TensorBoard."""


class RowTable(Protocol):
    """The part of `CsvHistory` that the log uses."""

    def add(self, row: Mapping[str, object], /) -> None:
        """Adds a row."""


class NoTable:
    """The table of a process that is not the first one: it keeps nothing."""

    def add(self, row: Mapping[str, object], /) -> None:
        """Does nothing."""


class TrainLog:
    """Logs a run of `total` training steps, after step `step`.

    Metrics are fetched one step late, so that the device never waits. Raises Diverged as soon as a loss or gradient is
    not finite; `usable_checkpoints` names what is left then. `open_row` is what the checkpoint came amid.
    """

    def __init__(
        self,
        step: int,
        *,
        total: int,
        batch_size: int,
        log_every: int,
        schedule: optax.Schedule,
        writer: ScalarWriter,
        table: RowTable,
        usable_checkpoints: Callable[[], str],
        open_row: OpenRow = EMPTY,
    ):
        self.total, self.batch_size, self.log_every, self.schedule = total, batch_size, log_every, schedule
        self.writer, self.table, self._usable_checkpoints = writer, table, usable_checkpoints
        self.compiled = False
        self.start = self._last_line = time.monotonic()
        self._timer = RateTimer(step, self.start)  # since the row before
        self._whole_timer = RateTimer(step, self.start)  # since the first step, for the time that is left
        self._since_row, self._since_line = RunningMeans(open_row), RunningMeans()
        self._pending: tuple[int, Mapping[str, jax.Array], float] | None = None  # with the time at which they came

    def add(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Takes the metrics of step `step` and logs those of the step before."""
        self.flush()
        self._pending = (step, metrics, time.monotonic())
        if not self.compiled:  # compiling is not part of the rate
            jax.block_until_ready(metrics)
            self.compiled, self._last_line = True, time.monotonic()
            self._pending = (step, metrics, self._last_line)
            self._timer.restart(step, self._last_line)
            self._whole_timer.restart(step, self._last_line)
            log(f"compiled; step {step} of {self.total} done in {duration(self._last_line - self.start)}")

    def open_row(self) -> OpenRow:
        """The row that is not full yet, with all steps that were added; to be called after `flush`."""
        return self._since_row.so_far()

    def exclude_pause(self) -> None:
        """Leaves the time since the last step out of the rate: it was not training."""
        self._timer.exclude_pause()
        self._whole_timer.exclude_pause()

    def flush(self) -> None:
        """Logs the metrics that are still pending; raises Diverged if they are not finite."""
        if self._pending is None:
            return
        (step, metrics, ended), self._pending = self._pending, None
        asked = time.monotonic()
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        if time.monotonic() - asked > _WAITED:  # a GPU, which works on while the next batch is read
            ended = time.monotonic()
        for timer in (self._timer, self._whole_timer):
            timer.mark(step, ended)
        self._check_finite(step, values)
        self._since_row.add(values)
        self._since_line.add(values)
        if is_due(step, self.log_every, self.total):
            self._write_row(step, ended)
        elif time.monotonic() - self._last_line >= _LONGEST_SILENCE:
            self._write_line(step, self._timer.rate())

    def _check_finite(self, step: int, values: Values) -> None:
        loss, norm = values["loss"], values["gradient_norm"]
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise Diverged(
                f"the loss is no longer finite at step {step} (loss {loss}, gradient norm {norm}); usable: "
                f"{self._usable_checkpoints()}. {ADVICE}"
            )

    def _write_line(self, step: int, rate: float | None) -> None:
        """Prints a line with the means since the line before."""
        means = self._since_line.means()
        self._last_line = time.monotonic()
        self._since_line.reset()
        whole_rate = self._whole_timer.rate()
        if rate is None or whole_rate is None:
            return
        losses = "  ".join(f"{name} {means[name]:.3f}" for name in _SHOWN_LOSSES)
        left = duration((self.total - step) / whole_rate)
        log(f"step {step}/{self.total}  {losses}  {rate * self.batch_size:.1f} clips/s  {left} left")

    def _write_row(self, step: int, ended: float) -> None:
        """Writes the means since the row before to TensorBoard and training.csv, and prints a line."""
        rate = self._timer.rate()
        values = self._since_row.means() | {"learning_rate": float(self.schedule(step - 1))}
        if rate is not None:
            values |= {"steps_per_second": rate, "clips_per_second": rate * self.batch_size}
        self._write_line(step, rate)
        self.writer.write_scalars(step, {f"train/{name}": value for name, value in values.items()})
        self.table.add({"step": step, **values})
        self._since_row.reset()
        self._timer.restart(step, ended)
