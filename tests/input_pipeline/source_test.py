"""From a config to the options of the shards."""

from configs import default
from input_pipeline.records.options import RegionOptions, VidorOptions
from input_pipeline.source import record_options


def test_every_option_of_the_shards_is_read_from_the_config():
    data = default.get_config().data
    assert record_options(RegionOptions, data).shards_name("1") == "t16x1_span13_h0_q95_1"
    data.flow, data.spatial = "dis", True
    assert record_options(VidorOptions, data).shards_name("1") == "t16_l4_c8_h0_q95_dis224_spatial_1"
    data.flow_height = 64
    assert record_options(RegionOptions, data).shards_name("1") == "t16x1_span13_h0_q95_dis64_1"
