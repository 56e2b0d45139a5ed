"""The result of the repetitive saliva swallowing test."""

from collections.abc import Sequence
from dataclasses import dataclass

from foreknow.swallow.events import SwallowEvent
from foreknow.swallow.settings import CountSettings

DISCLAIMER = "A screening aid, not a diagnosis. The count is an estimate from the surface of the neck; look at the waveform."


@dataclass(frozen=True)
class Verdict:
    """What the test says.

    Attributes:
        count: swallows whose peak lies in the test.
        cutoff: fewer than this are suspect.
        problems: why the test is invalid; none if it is valid.
        unsure: counted swallows whose chance is low or that rose much less than the others.
    """

    count: int
    cutoff: int
    problems: tuple[str, ...]
    unsure: int

    @property
    def valid(self) -> bool:
        """Whether anything can be said."""
        return not self.problems

    @property
    def suspect(self) -> bool | None:
        """Whether there were fewer swallows than the cut-off; None for an invalid test."""
        return self.count < self.cutoff if self.valid else None

    def words(self) -> str:
        """The result in a few words."""
        if self.suspect is None:
            return "invalid test"
        return f"fewer than {self.cutoff}: suspect" if self.suspect else f"{self.cutoff} or more: not suspect"

    def sentence(self) -> str:
        """The result in one sentence."""
        if not self.valid:
            return f"Invalid test: {'; '.join(self.problems)}."
        number = f"{self.count} swallow{'' if self.count == 1 else 's'}"
        doubt = f" ({self.unsure} of them unsure)" if self.unsure else ""
        return f"{number}{doubt}, {self.words()}."


def verdict_of(swallows: Sequence[SwallowEvent], problems: tuple[str, ...], settings: CountSettings) -> Verdict:
    """Count the swallows of the test."""
    end = settings.start + settings.seconds
    inside = [swallow for swallow in swallows if settings.start <= swallow.peak <= end]
    return Verdict(len(inside), settings.cutoff, problems, sum(swallow.unsure for swallow in inside))
