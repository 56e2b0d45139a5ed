"""Reports: one self-contained HTML file from small composable blocks, and the pictures that go into it."""

from foreknow.report.blocks import Audio, Block, Facts, Figure, Notice, Picture, Severity, Slides, Table, Text
from foreknow.report.document import Report, Section
from foreknow.report.knowledge import knowledge_figure
from foreknow.report.listen import Listen
from foreknow.report.training import training_figure, training_report

__all__ = [
    "Audio",
    "Block",
    "Facts",
    "Figure",
    "Listen",
    "Notice",
    "Picture",
    "Report",
    "Section",
    "Severity",
    "Slides",
    "Table",
    "Text",
    "knowledge_figure",
    "training_figure",
    "training_report",
]
