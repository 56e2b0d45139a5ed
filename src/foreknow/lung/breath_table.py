"""Crackles told by breath: in which phase, how early, how many a breath."""

from collections.abc import Sequence
from statistics import mean

from foreknow.files import Event
from foreknow.lung.events import Crackle
from foreknow.lung.respiration import Respiration

TIMING = ("phase", "phase_position", "timing")
PHASE_FEATURES = ("breath", "whole", "crackles", "crackles_per_second", "reliability")
_THIRDS = ("early", "mid", "late")


def timing(time: float, respiration: Respiration) -> dict[str, str | float | None]:
    """The columns `TIMING` of something at a time in seconds; nothing is known where breathing is not told reliably.

    ``phase`` is inspiration, expiration or pause, ``phase_position`` the share of the phase that has passed, ``timing`` its third:
    early, mid or late.
    """
    if not respiration.is_reliable:
        return dict.fromkeys(TIMING)
    place = respiration.place(time)
    if place is None:
        return {"phase": "pause", "phase_position": None, "timing": None}
    return {"phase": place[0], "phase_position": place[1], "timing": _THIRDS[min(2, int(3 * place[1]))]}


def count_by_breath(crackles: Sequence[Crackle], respiration: Respiration) -> dict[str, float | int | None]:
    """What ``summary.json`` says of breathing; counts by breath and phase are None where breathing is not told reliably."""
    known = respiration.is_reliable
    places = [timing(crackle.peak, respiration) for crackle in crackles]
    whole = [breath for breath in respiration.breaths if breath.is_whole]
    held = [sum(breath.start <= crackle.peak < breath.end for crackle in crackles) for breath in whole]
    rate = respiration.breaths_per_minute
    count: dict[str, float | int | None] = {
        "breath_reliability": round(respiration.reliability, 4),
        "breaths": len(whole) if known else None,
        "breaths_per_minute": round(rate, 3) if known and rate is not None else None,
        "breathing_s": round(respiration.breathing_seconds, 3) if known else None,
        "crackles_per_breath": round(mean(held), 4) if known and held else None,
    }
    for phase in ("inspiration", "expiration"):
        inside = [place for place in places if place["phase"] == phase]
        count[f"{phase}_crackles"] = len(inside) if known else None
        for third in _THIRDS:
            count[f"{phase}_{third}_crackles"] = sum(place["timing"] == third for place in inside) if known else None
    return count


def phase_events(crackles: Sequence[Crackle], respiration: Respiration) -> list[Event]:
    """Inspirations and expirations as rows of a table; crackles as a rate, since long phases hold more of anything."""
    events = []
    for number, breath in enumerate(respiration.breaths, start=1):
        for kind, start, end in (("inspiration", breath.start, breath.turn), ("expiration", breath.turn, breath.end)):
            if end <= start:
                continue
            held = sum(start <= crackle.peak < end for crackle in crackles)
            features: dict[str, float | int | str | None] = {
                "breath": number,
                "whole": int(breath.is_whole),
                "crackles": held,
                "crackles_per_second": held / (end - start),
                "reliability": respiration.reliability,
            }
            events.append(Event(start, end - start, kind, features))
    return events
