"""What ffmpeg may open: containers that hold their own bytes, and decoders of sound.

ffmpeg knows some 350 demuxers. Playlists and scripts (hls, dash, concat, sdp, image2, lavfi, …)
make it read other files or the network, headerless ones guess at anything, and the formats of
old games are code that nobody tests. Hence lists of what is allowed, not of what is forbidden.
"""

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

OPEN_OPTIONS = {
    "format_whitelist": ",".join(sorted(DEMUXERS)),
    "codec_whitelist": ",".join(sorted(DECODERS)),
    "protocol_whitelist": "none",  # no protocol has this name; the bytes come through our own file
    "enable_drefs": "0",  # MP4: media in other files
    "max_streams": "64",
}
"""For `av.open`: all checked by ffmpeg before a demuxer reads its header."""
