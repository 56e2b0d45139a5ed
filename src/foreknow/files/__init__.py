"""Files: audio read and written in bounded memory, labels and events, atomic writing, paths from a command line."""

from foreknow.files.atomic import atomic_path, write_json_atomic, write_text_atomic
from foreknow.files.audio import AudioInfo, AudioReader, Recording, inspect_audio, open_audio, read_audio
from foreknow.files.audio_writer import AudioWriter, write_audio
from foreknow.files.channels import AutomaticChannel, ChannelChoice, MeanOfChannels, OneChannel, parse_channel
from foreknow.files.collect import AUDIO_SUFFIXES, InputFile, collect_audio
from foreknow.files.events import Annotations, Event
from foreknow.files.labels import (
    read_audacity_labels,
    read_events_csv,
    read_icbhi_cycles,
    read_sprsound_json,
    write_audacity_labels,
    write_events_csv,
)
from foreknow.files.names import display_name
from foreknow.files.quality import SignalMeter, SignalQuality, describe_signal
from foreknow.files.resample import StreamResampler, resample
from foreknow.files.wav import Encoding, encode_wav

__all__ = [
    "AUDIO_SUFFIXES",
    "Annotations",
    "AudioInfo",
    "AudioReader",
    "AudioWriter",
    "AutomaticChannel",
    "ChannelChoice",
    "Encoding",
    "Event",
    "InputFile",
    "MeanOfChannels",
    "OneChannel",
    "Recording",
    "SignalMeter",
    "SignalQuality",
    "StreamResampler",
    "atomic_path",
    "collect_audio",
    "describe_signal",
    "display_name",
    "encode_wav",
    "inspect_audio",
    "open_audio",
    "parse_channel",
    "read_audacity_labels",
    "read_audio",
    "read_events_csv",
    "read_icbhi_cycles",
    "read_sprsound_json",
    "resample",
    "write_audacity_labels",
    "write_audio",
    "write_events_csv",
    "write_json_atomic",
    "write_text_atomic",
]
