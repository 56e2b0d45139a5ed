"""The movement of one swallow: mouth floor first, then the larynx up and forward, a hold, a slower return."""

from dataclasses import dataclass

import torch

from foreknow.errors import ParameterError
from foreknow.simulate.fields import uniform
from foreknow.swallow.simulate.bumps import Bump, Channel
from foreknow.swallow.simulate.events import Kind, TrueEvent

Range = tuple[float, float]
"""Lowest and highest value; equal for a fixed one. Values are drawn evenly between."""


def check_ranges(owner: object, *names: str, lowest: float = 0.0) -> None:
    """Check that ranges are in order and not below ``lowest``.

    Raises:
        ParameterError: naming the range that is not.
    """
    for name in names:
        low, high = getattr(owner, name)
        if not lowest <= low <= high < float("inf"):
            message = f"{name} needs two numbers in order, the first at least {lowest:g}, not {(low, high)}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SwallowSettings:
    """Kinematics of swallows; each value is drawn anew for every swallow, but ``slowness`` once for a person.

    Attributes:
        lift_mm: how far the larynx rises (healthy: 21 to 34 mm by videofluoroscopy, saliva at the low end; patients 6 to 14;
            Bando's stretch sensor and Molfenter and Steele 2011 show wide spreads).
        rise: seconds up (0.08 to 0.11 m/s).
        hold: seconds at the top.
        fall: seconds down.
        slowness: factor on the three durations of a person (1 young, to 1.8 in the old: elevation time 1.34 s against 0.5 s).
        forward_mm: how far the skin over the larynx moves forward (not published; choice 1 to 3).
        submental_mm: bulge of the mouth floor (not published; choice 2 to 5).
        submental_lead: seconds by which the mouth floor is earlier (order from videofluoroscopy; size: choice).
        double: probability that a swallow is a double one: a second lift, which counts as a swallow of its own.
        double_gap: seconds from the first onset to the second, before ``slowness`` (0.8 to 1.5 s between lifts).
        aborted_share: amplitude of an aborted swallow relative to a full one (0.3 to 0.5; Nakazawa: it "moves less").

    Raises:
        ParameterError: if a range is not in order or a probability is not one.
    """

    lift_mm: Range = (14.0, 24.0)
    rise: Range = (0.20, 0.35)
    hold: Range = (0.15, 0.50)
    fall: Range = (0.30, 0.60)
    slowness: Range = (1.0, 1.4)
    forward_mm: Range = (1.0, 3.0)
    submental_mm: Range = (2.0, 5.0)
    submental_lead: Range = (0.05, 0.20)
    double: float = 0.05
    double_gap: Range = (0.95, 1.5)
    aborted_share: Range = (0.3, 0.5)

    def __post_init__(self) -> None:
        check_ranges(self, "lift_mm", "hold", "forward_mm", "submental_mm", "submental_lead", "aborted_share")
        check_ranges(self, "rise", "fall", "double_gap", lowest=0.01)
        check_ranges(self, "slowness", lowest=0.1)
        if not 0 <= self.double <= 1:
            message = f"the probability of a double swallow lies between 0 and 1, not {self.double}"
            raise ParameterError(message)

    @property
    def longest(self) -> float:
        """Seconds of the longest single swallow of a person of slowness 1."""
        return self.rise[1] + self.hold[1] + self.fall[1]


def draw_swallow(
    settings: SwallowSettings,
    onset: float,
    slowness: float,
    generator: torch.Generator,
    *,
    aborted: bool = False,
    second: bool = False,
) -> tuple[TrueEvent, list[Bump]]:
    """Draw the movement of a swallow whose larynx starts to rise at ``onset`` seconds: the truth and its bumps."""
    lift, forward, submental = (uniform(r, generator) for r in (settings.lift_mm, settings.forward_mm, settings.submental_mm))
    rise, hold, fall = (slowness * uniform(r, generator) for r in (settings.rise, settings.hold, settings.fall))
    lead = slowness * uniform(settings.submental_lead, generator)
    share = uniform(settings.aborted_share, generator)
    if aborted:
        lift, forward, submental, hold = share * lift, share * forward, share * submental, 0.3 * hold
    bumps = [
        Bump(Channel.LARYNX, onset, rise, hold, fall, lift),
        Bump(Channel.FORWARD, onset + 0.15 * rise, rise, hold, fall, forward),
        Bump(Channel.SUBMENTAL, onset - lead, rise, hold + lead, 0.9 * fall, submental),
    ]
    kind = Kind.ABORTED if aborted else Kind.SWALLOW
    return TrueEvent(kind, onset, onset + rise + 0.5 * hold, bumps[0].end, lift, second), bumps
