"""``foreknow lung live``: crackles, and wheezes if asked for, while a recording is being made."""

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
_WITH_WHEEZES = "time_s,kind,idw_ms,2cd_ms,level_db,end_s,fundamental_hz"


def live(
    source: Annotated[
        str, typer.Argument(metavar="REC", help="Recording to go through, or - for raw 16 bit mono samples from another program.")
    ],
    rate: Annotated[int, typer.Option("--rate", metavar="HZ", help="Sampling rate of raw samples, hertz; 4000 or more.")] = 4000,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="What finds crackles: unrolled, classical, or a folder of lung train.")
    ] = "unrolled",
    wheezes: Annotated[
        bool, typer.Option("--wheezes", help="Tell wheezes and rhonchi too, when they end; stridor is not told from them.")
    ] = False,
) -> None:
    """Print each crackle, a line of CSV, soon after it was heard; the largest delay is said first.

    With --wheezes also each wheeze, once it has ended, with its onset, end and fundamental frequency.

    Raw samples, signed and little-endian, come from whatever records, for example: arecord -t raw -f S16_LE -r 8000 | foreknow lung
    live - --rate 8000. Ends with the recording or by Ctrl-C. A screening aid, not a diagnosis.
    """
    import torch  # noqa: PLC0415

    from foreknow.errors import ParameterError  # noqa: PLC0415
    from foreknow.files import open_audio  # noqa: PLC0415
    from foreknow.lung import LiveSeparation, SeparationSettings  # noqa: PLC0415
    from foreknow.lung.crackle_model import model_label  # noqa: PLC0415
    from foreknow.lung.wheeze_model import settings_beside  # noqa: PLC0415

    require_extra("lung")
    model_label(model)
    settings = SeparationSettings(crackle_model=model, wheezes=settings_beside(model) if wheezes else None)
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

    seconds, crackles, wheezes = 0.0, 0, 0

    def show(part: "LivePart") -> None:
        nonlocal crackles, wheezes
        for event in part.events:
            widths = f"{1000 * event.initial_deflection_width:.2f},{1000 * event.two_cycle_duration:.2f}"
            sys.stdout.write(f"{event.peak:.4f},{event.kind},{widths},{event.level_db:.1f}{',,' if with_wheezes else ''}\n")
        for wheeze in part.wheeze_events:
            end = f"{wheeze.end:.4f},{wheeze.fundamental:.1f}"
            sys.stdout.write(f"{wheeze.onset:.4f},{wheeze.kind},,,{wheeze.level_db:.1f},{end}\n")
        sys.stdout.flush()
        crackles, wheezes = crackles + len(part.events), wheezes + len(part.wheeze_events)

    delay = separation.wheeze_delay
    with_wheezes = delay is not None
    said = f"crackles are told at most {separation.crackle_delay + _CHUNK:.1f} s after they were heard"
    say_error(said if delay is None else f"{said}, wheezes at most {delay + _CHUNK:.1f} s after their end")
    sys.stdout.write(f"{_WITH_WHEEZES if with_wheezes else _COLUMNS}\n")
    with one_thread():
        try:
            for chunk in chunks:
                seconds += chunk.shape[0] / separation.rate
                show(separation.push(chunk))
        except KeyboardInterrupt:
            pass  # the usual end of a recording
        show(separation.finish())
    say_error(f"{crackles} crackles{f', {wheezes} wheezes' if with_wheezes else ''} in {seconds:.1f} s")
