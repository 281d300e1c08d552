import pytest

from configs import default, folder
from ssa2d_jax.steps import schedule


def test_the_papers_two_phases_by_steps():
    # 140 clips, 14 per step: 10 steps per epoch, so 50 at 1e-4, then 60 at 1e-5.
    phases = default.get_config().train.lr_phases
    assert schedule.phase_lengths(phases, clips=140, batch_size=14) == [50, 60]
    rate = schedule.learning_rate(phases, clips=140, batch_size=14)
    assert [float(rate(step)) for step in (0, 49, 50, 109, 500)] == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-5])


def test_rates_are_linear_within_a_phase():
    rate = schedule.learning_rate(((1.0, 0.0, 1.0), (1.0, 1.0, 0.5)), clips=40, batch_size=4)
    assert [float(rate(step)) for step in (0, 5, 10, 15, 20, 99)] == pytest.approx([0, 0.5, 1, 0.75, 0.5, 0.5])


def test_too_few_steps_become_as_many_as_asked_for_in_proportion():
    phases = ((1.0, 0.0, 1.0), (4.0, 1.0, 0.0))
    assert schedule.phase_lengths(phases, clips=16, batch_size=8, min_steps=9) == [2, 8]
    assert schedule.phase_lengths(phases, clips=16, batch_size=8, min_steps=50) == [10, 40]
    assert schedule.phase_lengths(phases, clips=4, batch_size=8, min_steps=100) == [20, 80]
    assert schedule.phase_lengths(phases, clips=16, batch_size=8, min_steps=10) == [2, 8]
    assert schedule.phase_lengths(phases, clips=4, batch_size=8, min_steps=1) == [1, 2]
    thirds = ((1.0, 0.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 0.0))
    assert schedule.phase_lengths(thirds, clips=8, batch_size=8, min_steps=100) == [33, 34, 33]
    rate = schedule.learning_rate(phases, clips=16, batch_size=8, min_steps=50)
    assert [float(rate(step)) for step in (5, 10, 30, 50)] == pytest.approx([0.5, 1, 0.5, 0])


@pytest.mark.parametrize("clips", [1, 5, 26, 65, 67])
def test_the_recipe_for_few_clips_has_200_steps_or_more(clips):
    train = folder.get_config("kinetics").train
    lengths = schedule.phase_lengths(train.lr_phases, clips, train.batch_size, train.min_steps)
    assert sum(lengths) == max(200, round(clips / 8) + round(23 * clips / 8))
    assert lengths[0] == pytest.approx(sum(lengths) / 24, abs=1)
