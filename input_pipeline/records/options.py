"""What the shards of a release depend on, apart from the release: part of the name of their folder."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """Options of every kind of clip record; configs/default.py describes them.

    Attributes:
        store_height: height in pixels of the stored frames; 0 = unchanged.
        flow: a method of optical_flow.METHODS, or "" for records without flow.
        flow_height: height in pixels at which the flow is estimated; 0 = that of the video.
    """

    clip_frames: int
    store_height: int
    jpeg_quality: int
    flow: str = ""
    flow_height: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegionOptions(RecordOptions):
    """Options of the records of a release with labelled regions; `layout` is a key of layouts.LAYOUTS."""

    frame_step: int
    label_span: int
    layout: str = "a2d"

    def shards_name(self, fingerprint: str) -> str:
        """The name of the folder of these shards of the release with that fingerprint."""
        # The shards of these two layouts were always in folders of their own.
        layout = "" if self.layout in ("a2d", "folder") else f"{self.layout}_"
        name = f"t{self.clip_frames}x{self.frame_step}_span{self.label_span}_h{self.store_height}_q{self.jpeg_quality}"
        flow = f"_{self.flow}{self.flow_height}" if self.flow else ""
        return f"{layout}{name}{flow}_{fingerprint}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class VidorOptions(RecordOptions):
    """Options of the records of a release in VidOR's layout."""

    labels_per_clip: int
    clips_per_video: int
    spatial: bool = False

    def shards_name(self, fingerprint: str) -> str:
        """The name of the folder of these shards of the release with that fingerprint."""
        name = f"t{self.clip_frames}_l{self.labels_per_clip}_c{self.clips_per_video}"
        name += f"_h{self.store_height}_q{self.jpeg_quality}"
        flow = f"_{self.flow}{self.flow_height}" if self.flow else ""
        return f"{name}{flow}{'_spatial' if self.spatial else ''}_{fingerprint}"
