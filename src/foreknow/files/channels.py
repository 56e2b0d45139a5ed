"""Which channel of a recording is used, as an object: a choice is the row of weights that makes one signal of many."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import InputFileError, ParameterError


class ChannelChoice(ABC):
    """How one signal is made of the channels of a recording: ``signal = frames @ choice.weights(channels, name)``."""

    @abstractmethod
    def weights(self, channels: int, name: str) -> NDArray[np.float64]:
        """The weight of each channel, (channels,).

        Args:
            channels: how many the recording has, at least 1.
            name: the recording's name, for the message.

        Raises:
            InputFileError: if the recording does not allow this choice.
        """


@dataclass(frozen=True, slots=True)
class OneChannel(ChannelChoice):
    """One channel by its number, counted from 1 (left) as in Audacity.

    Raises:
        ParameterError: if the number is below 1.
    """

    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            message = f"channels are counted from 1, so there is no channel {self.number}"
            raise ParameterError(message)

    def weights(self, channels: int, name: str) -> NDArray[np.float64]:
        """1 for the chosen channel, 0 for the others, (channels,)."""
        if self.number > channels:
            have = "1 channel" if channels == 1 else f"{channels} channels"
            message = f"{name} has {have}, so channel {self.number} cannot be used; choose one from 1 to {channels}"
            raise InputFileError(message)
        row = np.zeros(channels)
        row[self.number - 1] = 1.0
        return row


@dataclass(frozen=True, slots=True)
class MeanOfChannels(ChannelChoice):
    """The mean of all channels."""

    def weights(self, channels: int, name: str) -> NDArray[np.float64]:  # noqa: ARG002
        """1 / channels for each, (channels,)."""
        return np.full(channels, 1.0 / channels)


@dataclass(frozen=True, slots=True)
class AutomaticChannel(ChannelChoice):
    """What a user expects who has not chosen: the one channel, the mean of two, and a question if there are more.

    Two channels nearly always hold one microphone twice, or its sound and silence: the mean loses nothing. (The reader warns if
    the two cancel.) Three or more channels are an array of sensors at different places, where neither a mean nor a guess is right.
    """

    def weights(self, channels: int, name: str) -> NDArray[np.float64]:
        """1, or a half each, (channels,)."""
        if channels > 2:
            message = (
                f"{name} has {channels} channels, and it cannot be guessed which one to use; "
                f"choose one from 1 to {channels} (--channel 1), or their mean (--channel mean)"
            )
            raise InputFileError(message)
        return np.full(channels, 1.0 / channels)


def parse_channel(text: str) -> ChannelChoice:
    """The choice that a command line writes as ``auto``, ``mean`` or a number counted from 1.

    Raises:
        ParameterError: if it is none of these.
    """
    word = text.strip().lower()
    if word == "auto":
        return AutomaticChannel()
    if word == "mean":
        return MeanOfChannels()
    if word.isascii() and word.isdigit():
        return OneChannel(int(word))
    message = f"a channel is 'auto', 'mean' or a number counted from 1, not {text!r}"
    raise ParameterError(message)
