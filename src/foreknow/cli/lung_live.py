"""``foreknow lung live``: crackles while a recording is being made."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from foreknow.cli.extras import require_extra

if TYPE_CHECKING:
    from torch import Tensor

    from foreknow.lung import LivePart, LiveSeparation

_CHUNK = 0.25  # seconds
_COLUMNS = "peak_s,kind,idw_ms,2cd_ms,level_db"


def live(
    source: Annotated[
        str, typer.Argument(metavar="REC", help="Recording to go through, or - for raw 16 bit mono samples from another program.")
    ],
    rate: Annotated[int, typer.Option("--rate", metavar="HZ", help="Sampling rate of raw samples, hertz; 4000 or more.")] = 4000,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="What finds crackles: unrolled, classical, or a folder of lung train.")
    ] = "unrolled",
) -> None:
    """Print each crackle, a line of CSV, soon after it was heard; the largest delay is said first.

    Raw samples, signed and little-endian, come from whatever records, for example: arecord -t raw -f S16_LE -r 8000 | foreknow lung
    live - --rate 8000. Ends with the recording or by Ctrl-C. A screening aid, not a diagnosis.
    """
    import torch  # noqa: PLC0415

    from foreknow.errors import ParameterError  # noqa: PLC0415
    from foreknow.files import open_audio  # noqa: PLC0415
    from foreknow.lung import LiveSeparation, SeparationSettings  # noqa: PLC0415
    from foreknow.lung.crackle_model import model_label  # noqa: PLC0415

    require_extra("lung")
    model_label(model)
    settings = SeparationSettings(crackle_model=model)
    if source == "-":
        if rate < settings.rate:
            message = f"live separation needs {settings.rate} Hz or more, not --rate {rate}"
            raise ParameterError(message)
        _follow(raw_chunks(sys.stdin.buffer, rate), LiveSeparation(rate, settings))
        return
    with open_audio(Path(source)) as reader, torch.no_grad():
        _follow(reader.blocks(max(1, round(_CHUNK * reader.rate))), LiveSeparation(reader.rate, settings))


def raw_chunks(stream: BinaryIO, rate: int) -> Iterator["Tensor"]:
    """Signed little-endian samples of 16 bits as chunks (n,), float64, full scale 1, as soon as a quarter of a second is there."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    while data := stream.read(2 * max(1, round(_CHUNK * rate))):
        samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float64) / 2**15
        yield torch.from_numpy(samples)


def _follow(chunks: Iterator["Tensor"], separation: "LiveSeparation") -> None:
    from foreknow.cli.exits import say_error  # noqa: PLC0415
    from foreknow.threads import one_thread  # noqa: PLC0415

    seconds, count = 0.0, 0

    def show(part: "LivePart") -> int:
        for event in part.events:
            widths = f"{1000 * event.initial_deflection_width:.2f},{1000 * event.two_cycle_duration:.2f}"
            sys.stdout.write(f"{event.peak:.4f},{event.kind},{widths},{event.level_db:.1f}\n")
        sys.stdout.flush()
        return len(part.events)

    say_error(f"crackles are told at most {separation.delay + _CHUNK + 0.06:.1f} s after they were heard")
    sys.stdout.write(f"{_COLUMNS}\n")
    with one_thread():
        try:
            for chunk in chunks:
                seconds += chunk.shape[0] / separation.rate
                count += show(separation.push(chunk))
        except KeyboardInterrupt:
            pass  # the usual end of a recording
        count += show(separation.finish())
    say_error(f"{count} crackles in {seconds:.1f} s")
