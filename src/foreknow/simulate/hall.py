"""A hall that people walk through, seen by a fixed camera: films with a known background."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError
from foreknow.simulate.fields import power_law_field

_REACH = 1.5  # of the canvas over the view at zoom 1, so that the camera can turn a little


@dataclass(frozen=True)
class View:
    """Where the camera looks.

    Attributes:
        zoom: magnification, 1 or more.
        right: shift of the view, in widths of the view at zoom 1; up to 0.25 either way.
        down: the same in heights.

    Raises:
        ParameterError: if the view leaves the scene.
    """

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        if not (1 <= self.zoom < 10 and abs(self.right) <= 0.25 and abs(self.down) <= 0.25):
            message = f"a view has a zoom of 1 to 10 and shifts within 0.25, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True)
class HallFilm:
    """A film with its truth.

    Attributes:
        y: the film, (T, H, W), grey values of about 0 to 1: background + moving + noise.
        background: what would be seen without people, (T, H, W).
        moving: what people change of it, (T, H, W); zero outside them.
        people: where they are, (T, H, W), bool.
    """

    y: Tensor
    background: Tensor
    moving: Tensor
    people: Tensor


class Hall:
    """The scene: walls, tiles and doors that stay, whatever is filmed.

    Args:
        height: of the frames, pixels.
        width: of the frames, pixels.
        seed: of the scene.
        noise: standard deviation of the sensor's noise.
        light: relative size of slow changes of the light.
    """

    def __init__(self, height: int = 256, width: int = 256, seed: int = 0, noise: float = 0.01, light: float = 0.05) -> None:
        self.height, self.width, self.noise, self.light = height, width, noise, light
        generator = torch.Generator().manual_seed(seed)
        rows, columns = round(_REACH * height), round(_REACH * width)
        canvas = 0.5 + 0.08 * power_law_field((rows, columns), 3.0, generator, longest=height / 2)
        y, x = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
        floor = y > 0.2
        tiles = (torch.sin(14 * x / (0.4 + 0.6 * y.clamp_min(0))) * torch.sin(25 / (0.3 + y.clamp_min(0.0)))).sign()
        canvas = torch.where(floor, canvas + 0.08 * tiles, canvas)
        for _ in range(6):  # doors, windows, posters
            place, size, level = (
                torch.rand(2, generator=generator),
                torch.rand(2, generator=generator),
                torch.rand((), generator=generator),
            )
            inside = ((x - 2 * place[0] + 1).abs() < 0.06 + 0.1 * size[0]) & ((y + 0.35 * place[1]).abs() < 0.12 + 0.25 * size[1])
            canvas = torch.where(inside & ~floor, 0.6 * canvas + 0.4 * (0.15 + 0.7 * level), canvas)
        self.canvas = (canvas + 0.015 * power_law_field((rows, columns), 0.5, generator)).clamp(0.05, 0.95)

    def film(self, frames: int, seed: int, view: View | None = None, people: float = 3.0, change: bool = True) -> HallFilm:
        """Draw a film.

        Args:
            frames: their number.
            seed: of people, light and noise.
            view: of the camera; straight ahead if None.
            people: expected number of people in a frame.
            change: whether the light changes.

        Raises:
            ParameterError: if there is no frame.
        """
        if frames < 1:
            message = f"a film needs at least one frame, not {frames}"
            raise ParameterError(message)
        generator = torch.Generator().manual_seed(seed)
        look = View() if view is None else view
        x, y = self._coordinates(look)
        still = functional.grid_sample(
            self.canvas[None, None],
            torch.stack((x, y), dim=-1)[None] / _REACH,
            mode="bicubic",
            padding_mode="reflection",
            align_corners=False,
        )[0, 0]
        time = torch.linspace(0, frames / 60, frames)[:, None, None]
        phase = 6.28 * torch.rand(3, generator=generator)
        size = self.light if change else 0.0
        brightness = (
            1
            + size * torch.sin(2 * time + phase[0])
            + 0.5 * size * (x * torch.cos(phase[1]) + y * torch.sin(phase[1])) * torch.cos(3 * time + phase[2])
        )
        background = still * brightness
        shown, covered = background, torch.zeros_like(background)
        for _ in range(
            int(torch.poisson(torch.tensor(max(1e-6, people * (1 + frames / 60))), generator=generator)) or (1 if people else 0)
        ):
            cover, colour = self._person(x, y, frames, generator)
            shown = shown + cover * (colour * brightness - shown)
            covered = torch.maximum(covered, cover)
        noise = self.noise * torch.randn(shown.shape, generator=generator)
        return HallFilm(shown + noise, background, shown - background, covered > 0.5)

    def _coordinates(self, view: View) -> tuple[Tensor, Tensor]:
        """Scene coordinates of the pixels, -1 to 1 over the view at zoom 1."""
        rows = (2 * torch.arange(self.height) + 1) / self.height - 1
        columns = (2 * torch.arange(self.width) + 1) / self.width - 1
        y, x = torch.meshgrid(rows / view.zoom + 2 * view.down, columns / view.zoom + 2 * view.right, indexing="ij")
        return x, y

    def _person(self, x: Tensor, y: Tensor, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """How much of each pixel one person covers, (T, H, W), and the grey values of clothes and skin."""
        a = torch.rand(12, generator=generator)
        time = torch.arange(frames).reshape(-1, 1, 1).float()
        direction = 1.0 if a[0] > 0.5 else -1.0
        speed = direction * (0.02 + 0.03 * a[1])  # of half a width a frame
        start = -direction * 1.4 - speed * frames * (1.6 * a[2] - 0.3)
        scale = 0.22 + 0.16 * a[3]  # half the height of a person
        cx = start + speed * time
        cy = 0.15 + 0.35 * a[4] + 0.012 * torch.sin(0.9 * time + 6 * a[5])
        u, v = (x - cx) / scale, (y - cy) / scale
        sway = 0.16 * torch.sin(0.45 * time + 6 * a[6])
        sharp = 0.5 * self.height * scale  # edges of about one pixel
        parts = (
            ((u / 0.13).square() + ((v + 0.85) / 0.15).square(), 0.35 + 0.5 * a[7]),  # head
            ((u / 0.24).square() + ((v + 0.3) / 0.42).square(), 0.05 + 0.9 * a[8]),  # trunk
            (((u - sway * (v - 0.1)) / 0.11).square() + ((v - 0.5) / 0.5).square(), 0.05 + 0.9 * a[9]),  # legs
            (((u + sway * (v - 0.1)) / 0.11).square() + ((v - 0.5) / 0.5).square(), 0.05 + 0.9 * a[9]),
        )
        cover, colour = torch.zeros_like(u), torch.full_like(u, float(parts[1][1]))
        folds = 0.06 * torch.sin((9 + 10 * a[10]) * v + 4 * u)
        for radius, level in parts:
            inside = torch.sigmoid(sharp * 0.2 * (1 - radius))
            colour = colour + inside * (level + folds - colour)
            cover = torch.maximum(cover, inside)
        return cover, colour
