"""Swallowing: the repetitive saliva swallowing test counted from depth video of the neck.

`count_video` takes frames in memory, `count_file` a recording, `count_many` files and folders, `LiveTest` a camera;
`foreknow.swallow.simulate` draws tests whose swallows are known. A screening aid, not a diagnosis.
"""

from foreknow.swallow.batch import CountBatch, ReadingSettings, count_file, count_many, count_video
from foreknow.swallow.live import LiveTest
from foreknow.swallow.model import CountingModel, load_model
from foreknow.swallow.results import RecordingResult
from foreknow.swallow.settings import CountSettings

__all__ = [
    "CountBatch",
    "CountSettings",
    "CountingModel",
    "LiveTest",
    "ReadingSettings",
    "RecordingResult",
    "count_file",
    "count_many",
    "count_video",
    "load_model",
]
