"""Oral cytology: cells found and the background taken away without annotation.

`detect` takes pixels, `detect_file` an image or a slide, `detect_many` files and folders; `foreknow.cytology.simulate` draws smears
whose cells are known. A screening aid, not a diagnosis.
"""

from foreknow.cytology.batch import DetectOptions, FieldBatch, detect_file, detect_many
from foreknow.cytology.detect import Detection, detect
from foreknow.cytology.settings import DetectSettings

__all__ = ["DetectOptions", "DetectSettings", "Detection", "FieldBatch", "detect", "detect_file", "detect_many"]
