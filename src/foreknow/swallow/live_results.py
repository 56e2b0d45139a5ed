"""The results of a test before a camera, as files."""

from pathlib import Path

from foreknow.files.staging import staged_folder
from foreknow.swallow.counting import CountResult
from foreknow.swallow.model import CountingModel
from foreknow.swallow.movement import RATE
from foreknow.swallow.report_page import write_reports
from foreknow.swallow.results import RecordingResult


def write_live_results(result: CountResult, model: CountingModel, folder: Path, name: str = "test-001") -> RecordingResult:
    """Write what `count_file` writes of a recording; no depth.

    Raises:
        OSError: if the results cannot be written.
    """
    spent = float(result.seconds[-1]) if len(result.seconds) else 0.0
    recording = RecordingResult(name, result, (), RATE, model, spent)
    with staged_folder(folder) as staging:
        recording.write(staging)
        write_reports(recording, staging)
    return recording
