"""Only the given bytes are read: whatever a file names, nothing else is opened."""

import io
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from auricle.audio.containers import DECODERS, DEMUXERS, open_container
from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.errors import UnreadableAudio
from harness.media import decode, encode, tone, wav
from harness.speech import ASK_NOT

FORBIDDEN = (
    "hls dash concat sdp image2 image2pipe lavfi tee rtp rtsp sap imf vobsub mpegtsraw "
    "webm_dash_manifest s16le f32le mulaw data tty"
)


class Listener:
    """A TCP port that notes whether anybody came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.was_visited = False
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.was_visited = connection.recv(1) != b"."

    def close(self) -> None:
        """End the wait with a visit of our own."""
        if self._thread.is_alive():
            with socket.create_connection(self._socket.getsockname()) as own:
                own.sendall(b".")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def scripts(target: str) -> dict[str, str]:
    """Files that name another one, in the languages ffmpeg knows."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:5.0,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {target.rpartition(':')[2].split('/')[0]} RTP/AVP 0\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT5S"><Period><AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "smil": f'<smil><body><audio src="{target}"/></body></smil>',
        "m3u": f"{target}\n",
        "pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    }


@pytest.mark.parametrize("kind", scripts("x"))
def test_scripts_that_name_a_local_file_are_unreadable(kind: str, tmp_path: Path) -> None:
    clip = tmp_path / "clip.flac"
    clip.write_bytes(ASK_NOT.path.read_bytes())
    for target in (str(clip), f"file:{clip}", "clip.flac", f"concat:{clip}"):
        with pytest.raises(UnreadableAudio):
            decode(scripts(target)[kind].encode())


@pytest.mark.parametrize("kind", scripts("x"))
def test_scripts_that_name_an_address_cause_no_visit(kind: str, listener: Listener) -> None:
    for scheme in ("http", "tcp", "rtp"):
        with pytest.raises(UnreadableAudio):
            decode(scripts(f"{scheme}://{listener.address}/a.wav")[kind].encode())
    assert not listener.was_visited


def test_ffmpeg_itself_would_follow_the_script(tmp_path: Path) -> None:
    """The tests above prove something only if the scripts work where they are allowed."""
    clip = tmp_path / "clip.flac"
    clip.write_bytes(ASK_NOT.path.read_bytes())
    script = tmp_path / "list.ffconcat"
    script.write_text(scripts("clip.flac")["ffconcat"])
    with av.open(script, options={"safe": "0"}) as container:
        assert next(container.decode(audio=0)).samples > 0


def test_movie_that_refers_to_another_file_is_unreadable(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mov"
    clip.write_bytes(encode(tone(1.0), 16_000, "mov", "pcm_s16le", "s16"))
    movie = clip.read_bytes()
    own = b"\x00\x00\x00\x0curl \x00\x00\x00\x01"  # a data reference to the file itself
    assert own in movie
    elsewhere = b"\x00\x00\x00\x0curl \x00\x00\x00\x00"
    waveform, _ = decode(movie.replace(own, elsewhere))
    assert len(waveform) == 16_000  # what the file itself holds


@pytest.mark.parametrize("name", FORBIDDEN.split())
def test_no_demuxer_is_allowed_that_reads_elsewhere_or_guesses(name: str) -> None:
    assert name not in DEMUXERS


def test_allowed_names_are_names_that_ffmpeg_knows() -> None:
    known = {name for names in av.formats_available for name in names.split(",")}
    assert known >= DEMUXERS
    for name in DECODERS:
        assert av.Codec(name, "r").type == "audio"


def test_decoders_of_pictures_are_not_opened_even_to_look() -> None:
    video = video_with_sound()
    with av.open(io.BytesIO(video)) as container:
        assert container.streams.video[0].codec_context.pix_fmt is not None  # ffmpeg looked
    with open_container(io.BytesIO(video)) as container:
        assert container.streams.video[0].codec_context.pix_fmt is None
    waveform, _ = decode(video)
    assert len(waveform) == pytest.approx(16_000, abs=1152)  # a frame


def test_video_without_sound_is_unreadable() -> None:
    with pytest.raises(UnreadableAudio, match="no audio track"):
        decode(video_with_sound(has_sound=False))


def video_with_sound(*, has_sound: bool = True) -> bytes:
    """A second of black MPEG-1 in a container that does not state its form."""
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as output:
        picture = output.add_stream("mpeg1video", rate=25)
        picture.width, picture.height = 64, 64
        sound = output.add_stream("mp2", rate=16_000, layout="mono") if has_sound else None
        for _ in range(25):
            output.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(picture.encode(None))
        if sound:
            pcm = (tone(1.0) * 32767).astype("int16")[None, :]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            resampler = av.AudioResampler("s16", "mono", 16_000, 1152)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(sound.encode(part))
            output.mux(sound.encode(None))
    return target.getvalue()


def test_track_whose_decoder_is_not_allowed_is_unreadable() -> None:
    """A codec of old games; ffmpeg would decode it."""
    pcm, game_codec = struct.pack("<HH", 1, 1), struct.pack("<HH", 0x62, 1)
    recording = wav(np.zeros(16_000, np.int16)).replace(pcm, game_codec, 1)
    with av.open(io.BytesIO(recording)) as container:
        assert container.streams.audio[0].codec_context.name == "adpcm_ima_dk3"
    with pytest.raises(UnreadableAudio, match="a format we cannot decode"):
        decode(recording)


def test_tags_in_any_encoding_are_no_reason_to_refuse() -> None:
    recording = encode(tone(0.5, 44_100), 44_100, "mp3", "libmp3lame", "fltp")
    tag = b"TITM\xe9\xff\xfe latin"
    waveform, _ = decode(recording + tag[:3].replace(b"TIT", b"TAG") + tag[3:].ljust(125, b"\xe9"))
    assert len(waveform) > 0


def test_decoder_sees_a_file_without_a_name(tmp_path: Path) -> None:
    named = tmp_path / "list.m3u8"
    named.write_bytes(ASK_NOT.path.read_bytes())
    with named.open("rb") as file:
        assert sum(map(len, Decoder(file, DecodeLimits()).blocks())) > 0
