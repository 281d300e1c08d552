"""Times of frames: from 0, rising, whatever the container's clock does."""

from fractions import Fraction
from types import SimpleNamespace

from ssa2d_jax.video.clock import Clock

MILLISECOND = Fraction(1, 1000)


def ticks(stamps, *, use_dts=False, broadcast=False, rate=Fraction(25)):
    clock = Clock(MILLISECOND, rate, use_dts=use_dts, broadcast=broadcast)
    pairs = [stamp if isinstance(stamp, tuple) else (stamp, stamp) for stamp in stamps]
    return [clock.ticks(SimpleNamespace(pts=pts, dts=dts)) for pts, dts in pairs], clock.jumps


def test_the_first_frame_is_shown_at_zero():
    assert ticks([26_001_400, 26_001_440, 26_001_520]) == ([0, 40, 120], 0)
    assert ticks([-80, -40, 0]) == ([0, 40, 80], 0)


def test_frames_without_a_time_are_one_usual_step_apart():
    assert ticks([100, None, None, 250]) == ([0, 40, 80, 150], 0)
    assert ticks([None, None, 7, 47]) == ([0, 40, 80, 120], 0)


def test_joined_files_go_on_without_a_gap():
    assert ticks([5000, 5040, 5080, 1400, 1440]) == ([0, 40, 80, 120, 160], 1)
    jump = [0, 40, 50_000, 50_040]
    assert ticks(jump, broadcast=True) == ([0, 40, 80, 120], 1)
    assert ticks(jump) == ([0, 40, 50_000, 50_040], 0)  # a long still picture of a file is meant


def test_a_small_step_back_is_no_new_beginning():
    assert ticks([0, 40, 20, 80]) == ([0, 40, 60, 80], 0)
    assert ticks([40, 120, 80, 200, 160, 280]) == ([0, 80, 100, 160, 180, 240], 0)


def test_a_single_wrong_time_moves_no_other_frame():
    stamps = [1000, 1040, 1080, 200, 1120, 1160, 1200]
    assert ticks(stamps) == ([0, 40, 80, 120, 140, 160, 200], 0)
    assert ticks([1000, 1040, 90_000, 1080, 1120], broadcast=True) == ([0, 40, 80, 100, 120], 0)


def test_frames_of_a_short_overlap_are_half_as_far_apart_until_it_is_over():
    times, jumps = ticks([0, 40, 80, 120, 40, 80, 120, 160, 200, 240])
    assert times == [0, 40, 80, 120, 140, 160, 180, 200, 220, 240] and jumps == 0


def test_times_of_decoding_where_those_of_display_are_derived_wrongly():
    packed = [(40, 0), (120, 40), (80, 80), (200, 120)]
    assert ticks(packed, use_dts=True) == ([0, 40, 80, 120], 0)
    assert ticks([(None, 0), (None, 40)], use_dts=True) == ([0, 40], 0)
    assert ticks([(40, 0), (80, 40), (90, None)], use_dts=True) == ([0, 40, 80], 0)  # flushed frames have none
