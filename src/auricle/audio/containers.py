"""Opening a recording: what ffmpeg may open, and the only file it gets to see.

ffmpeg knows some 350 demuxers. Playlists and scripts (hls, dash, concat, sdp, image2, lavfi, …)
make it read other files or the network, headerless ones guess at anything, and the formats of
old games are code that nobody tests. Hence lists of what is allowed, not of what is forbidden.
"""

from typing import Any, BinaryIO

import av
from av.container import InputContainer

DEMUXERS = frozenset(
    """
    aac ac3 ac4 aiff amr ape asf au avi caf dsf dts dtshd eac3 flac flv iff ircam loas matroska
    mlp mov mp3 mpc mpc8 mpeg mpegts mxf nistsphere nut ogg oma qcp rm rso shn sox tak truehd tta
    voc w64 wav webm wtv wv xwma
    """.split()  # noqa: SIM905 (a list of quoted names is harder to read)
)
"""Names as ffmpeg spells them; one of a demuxer's names suffices (`mov` is MP4, M4A, 3GP too)."""

DECODERS = frozenset(
    """
    8svx_exp 8svx_fib aac aac_latm ac3 adpcm_adx adpcm_ima_apc adpcm_ima_oki adpcm_ima_qt
    adpcm_ima_wav adpcm_ms adpcm_sbpro_2 adpcm_sbpro_3 adpcm_sbpro_4 adpcm_swf adpcm_yamaha alac als
    amrnb amrwb ape atrac1 atrac3 atrac3al atrac3plus atrac3plusal cook dca dsd_lsbf
    dsd_lsbf_planar dsd_msbf dsd_msbf_planar dss_sp dvaudio eac3 evrc flac g722 g723_1 g726 g726le
    g728 g729 gsm gsm_ms ilbc imc libopencore_amrnb libopencore_amrwb libopus mace3 mace6 mlp
    mp1 mp1float mp2 mp2float mp3 mp3adu mp3adufloat mp3float mp3on4 mp3on4float mpc7 mpc8
    nellymoser opus pcm_alaw pcm_bluray pcm_dvd pcm_f16le pcm_f24le pcm_f32be pcm_f32le pcm_f64be
    pcm_f64le pcm_mulaw pcm_s16be pcm_s16be_planar pcm_s16le pcm_s16le_planar pcm_s24be
    pcm_s24daud pcm_s24le pcm_s24le_planar pcm_s32be pcm_s32le pcm_s32le_planar pcm_s64be
    pcm_s64le pcm_s8 pcm_s8_planar pcm_u16be pcm_u16le pcm_u24be pcm_u24le pcm_u32be pcm_u32le
    pcm_u8 qcelp qdm2 qdmc ralf real_144 real_288 s302m shorten sipr speex tak truehd truespeech
    tta vorbis wavpack wmalossless wmapro wmav1 wmav2 wmavoice
    """.split()  # noqa: SIM905 (a list of quoted names is harder to read)
)
"""Sound only: with this list ffmpeg opens no picture decoder even while it probes a video."""

_OPTIONS = {
    "format_whitelist": ",".join(sorted(DEMUXERS)),
    "codec_whitelist": ",".join(sorted(DECODERS)),
    "protocol_whitelist": "none",  # no protocol has this name; the bytes come through our own file
    "enable_drefs": "0",  # MP4: media in other files
    "max_streams": "64",
}
"""All are checked by ffmpeg before a demuxer reads its header."""


class _OwnBytes:
    """The given file as ffmpeg sees it: readable, seekable, and without a name.

    Without a name no demuxer can guess by the extension or look for neighbours of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def _refuse_to_open(url: str, flags: int, options: object) -> Any:
    """What ffmpeg calls to open anything else, should a demuxer ever try."""
    raise PermissionError("a recording may not refer to other files")


def open_container(file: BinaryIO, *, ignore_length: bool = False) -> InputContainer:
    """Open a recording; the caller closes it.

    Args:
        file: where all bytes come from, from its start on.
        ignore_length: for a WAV file whose header lies: read on to the end of the file.

    Raises:
        av.error.FFmpegError: not in a container of the list, or damaged.
    """
    options = {**_OPTIONS, "ignore_length": "1"} if ignore_length else _OPTIONS
    return av.open(
        _OwnBytes(file),
        "r",
        container_options=options,
        io_open=_refuse_to_open,
        metadata_errors="replace",  # tags in any encoding are no reason to refuse
    )
