"""The names of the folders of shards: another name would build the shards of an older run again."""

from dataclasses import replace

from input_pipeline.records.options import RegionOptions, VidorOptions

A2D = RegionOptions(clip_frames=16, frame_step=2, label_span=13, store_height=240, jpeg_quality=95, flow_height=112)
VIDOR = VidorOptions(
    clip_frames=16, labels_per_clip=4, clips_per_video=8, store_height=0, jpeg_quality=90, flow_height=112
)


def test_names_of_shards():
    assert A2D.shards_name("5c22ab7b") == "t16x2_span13_h240_q95_5c22ab7b"
    assert replace(A2D, flow="dis").shards_name("official") == "t16x2_span13_h240_q95_dis112_official"
    assert replace(A2D, layout="folder").shards_name("1") == replace(A2D, layout="a2d").shards_name("1")
    assert replace(A2D, layout="other").shards_name("1") == "other_t16x2_span13_h240_q95_1"
    assert VIDOR.shards_name("b4ff5fde") == "t16_l4_c8_h0_q90_b4ff5fde"
    assert replace(VIDOR, flow="tvl1", spatial=True).shards_name("1") == "t16_l4_c8_h0_q90_tvl1112_spatial_1"
