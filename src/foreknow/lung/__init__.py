"""Lung sounds: crackles and breath sound out of a recording.

`separate` takes samples, `separate_file` a file, `separate_many` files and directories; `foreknow.lung.simulate` draws recordings
whose truth is known. A screening aid, not a diagnosis.
"""

from foreknow.lung.batch import BatchResult, separate_many
from foreknow.lung.crackle_network import CrackleNetwork
from foreknow.lung.events import Crackle, find_crackles
from foreknow.lung.live import LivePart, LiveSeparation
from foreknow.lung.recording import Separation, separate, separate_batch
from foreknow.lung.respiration import Breath, Respiration, find_breaths
from foreknow.lung.results import RecordingResult
from foreknow.lung.separate_file import separate_file
from foreknow.lung.separation import CrackleSeparator
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze, find_wheezes

__all__ = [
    "BatchResult",
    "Breath",
    "Crackle",
    "CrackleNetwork",
    "CrackleSeparator",
    "LivePart",
    "LiveSeparation",
    "RecordingResult",
    "Respiration",
    "Separation",
    "SeparationSettings",
    "Wheeze",
    "WheezeSettings",
    "find_breaths",
    "find_crackles",
    "find_wheezes",
    "separate",
    "separate_batch",
    "separate_file",
    "separate_many",
]
