"""Oral cytology: cells found and the background taken away without annotation."""

from foreknow.cytology.detect import Detection, detect
from foreknow.cytology.settings import DetectSettings

__all__ = ["DetectSettings", "Detection", "detect"]
