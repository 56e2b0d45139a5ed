"""X-ray angiography: contrast-filled vessels out of runs and single frames.

`foreknow.angiography.simulate` draws runs with known truth; `foreknow.angiography.network` trains and applies networks.
"""

from foreknow.angiography.batch import RunBatch, enhance_many
from foreknow.angiography.enhance_file import enhance_file
from foreknow.angiography.mask import VesselMask, vessel_mask
from foreknow.angiography.modes import Enhancer, Mode
from foreknow.angiography.run_file import RunFile, open_run
from foreknow.angiography.separate import Separation, separate_run
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.streaming import NetworkStream, OnlineStream, StreamedFrame
from foreknow.angiography.tree import Branch, VesselTree, vessel_tree

__all__ = [
    "Branch",
    "EnhanceSettings",
    "Enhancer",
    "Mode",
    "NetworkStream",
    "OnlineStream",
    "RunBatch",
    "RunFile",
    "Separation",
    "StreamedFrame",
    "VesselMask",
    "VesselTree",
    "enhance_file",
    "enhance_many",
    "open_run",
    "separate_run",
    "vessel_mask",
    "vessel_tree",
]
