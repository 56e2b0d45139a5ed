"""A whole field of a stained smear drawn with its truth."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.cytology.simulate.camera import CameraSettings, draw_light, expose, focus
from foreknow.cytology.simulate.cells import KINDS, CellKind
from foreknow.cytology.simulate.clutter import ClutterSettings, draw_debris, draw_dust, draw_neutrophils, draw_specks
from foreknow.cytology.simulate.draw import DrawnCells, TextureSettings, draw_cells
from foreknow.cytology.simulate.measure import CellMeasurements, measure_cells
from foreknow.cytology.simulate.place import place_cells
from foreknow.cytology.simulate.stains import DYES, StainSettings, draw_stains, optical_density
from foreknow.errors import ParameterError
from foreknow.simulate.blur import gaussian_blur

_PLANES = 4
_AT_ONCE = 48


@dataclass(frozen=True, slots=True)
class SmearSettings:
    """What is drawn by `simulate_smear`.

    Attributes:
        height: pixels.
        width: pixels.
        pixel: side of a pixel, micrometres (40x scans 0.23 to 0.25; working resolution about 0.5).
        cells: in the field; those whose centre falls outside are drawn as far as they reach in.
        clumping: probability that a cell joins a clump.
        overlap: mean overlap in a clump, 0 touching to 1 on top of each other.
        defocus: standard deviation of blur of the cells farthest out of focus, micrometres; cells lie in four planes.
        kinds: of cells.
        texture: of cells.
        clutter: what else lies there.
        stains: colours of the dyes.
        camera: from densities to an image.

    Raises:
        ParameterError: if a size or number is out of range.
    """

    height: int = 512
    width: int = 512
    pixel: float = 0.5
    cells: int = 24
    clumping: float = 0.45
    overlap: float = 0.25
    defocus: float = 1.2
    kinds: tuple[CellKind, ...] = KINDS
    texture: TextureSettings = field(default_factory=TextureSettings)
    clutter: ClutterSettings = field(default_factory=ClutterSettings)
    stains: StainSettings = field(default_factory=StainSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)

    def __post_init__(self) -> None:
        sizes = 64 <= self.height <= 4096 and 64 <= self.width <= 4096 and 0.1 <= self.pixel <= 2
        shares = 0 <= self.clumping <= 1 and 0 <= self.overlap <= 1
        if not (sizes and shares and self.cells >= 0 and self.defocus >= 0 and self.kinds):
            message = (
                "a smear needs 64 to 4096 pixels a side, pixels of 0.1 to 2 micrometres, 0 or more cells of some kind, and "
                f"clumping and overlap within 0 and 1, not {self.height} x {self.width}, pixel {self.pixel}, cells {self.cells}, "
                f"clumping {self.clumping}, overlap {self.overlap}"
            )
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class SimulatedSmear:
    """A drawn field and the truth about it.

    Attributes:
        image: (height, width, 3) uint8.
        density: (3, height, width) float32 optical density (log10) of all that lies on the glass, as the objective sees it.
        background: (3, height, width) float32, -log10 of what the sensor sees of empty glass and dust, relative to full scale. The
            image is 10^-(density + background) with noise; where that is above full scale it is cut off.
        amounts: (dyes, height, width) float32 of each dye of `DYES` in optical density along its vector.
        vectors: (dyes, 3) float32 unit colour vectors of this slide.
        cells: (layers, height, width) int32 labels 1, 2, ... of squamous cells; each cell is whole in one layer, and cells in one
            layer do not overlap.
        nuclei: (height, width) int32, the label of the cell whose nucleus it is.
        clutter: (height, width) bool, inflammatory cells and debris.
        measurements: of every cell that is in the field, in order of labels.
        settings: what was asked for.
    """

    image: Tensor
    density: Tensor
    background: Tensor
    amounts: Tensor
    vectors: Tensor
    cells: Tensor
    nuclei: Tensor
    clutter: Tensor
    measurements: tuple[CellMeasurements, ...]
    settings: SmearSettings

    @property
    def labels(self) -> Tensor:
        """(height, width) int32, where cells overlap the label of the smaller one (as the `isbi` truth has it)."""
        sizes = {row.label: row.area_um2 for row in self.measurements}
        largest = max(sizes.values(), default=0.0) + 1
        table = torch.full((max(sizes, default=0) + 1,), largest, dtype=torch.float32)
        for label, size in sizes.items():
            table[label] = size
        table[0] = largest + 1
        best = table[self.cells.long()].argmin(dim=0, keepdim=True)
        return self.cells.gather(0, best)[0]

    @property
    def region(self) -> Tensor:
        """(height, width) bool: where there is any cell."""
        return (self.cells > 0).any(dim=0)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where the canvas of a cell meets the field."""

    field_rows: slice
    field_columns: slice
    rows: slice
    columns: slice


def simulate_smear(settings: SmearSettings | None = None, seed: int | torch.Generator = 0) -> SimulatedSmear:
    """Draw a field; the same settings and seed give the same field, bit by bit.

    Args:
        settings: what is drawn; by default 512 x 512 pixels of half a micrometre.
        seed: of all random numbers, or the generator (CPU) that gives them.
    """
    settings = settings or SmearSettings()
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    height, width, pixel = settings.height, settings.width, settings.pixel
    vectors, strength = draw_stains(settings.stains, generator)
    planes = torch.zeros(_PLANES, len(DYES), height, width)
    cells, nuclei, kinds, centres = _cells(settings, planes, strength, generator)
    names = [kind.name for kind in settings.kinds]
    measurements = measure_cells(cells, nuclei, [names[kind] for kind in kinds], pixel)
    clutter = _clutter(settings, planes, strength, centres, generator)
    for number in range(1, _PLANES):
        planes[number] = gaussian_blur(planes[number], settings.defocus * number / (_PLANES - 1) / pixel)
    amounts = planes.sum(dim=0)
    film = gaussian_blur(torch.rand(height, width, generator=generator) - 0.5, 12 / pixel)
    amounts[2] += settings.clutter.mucus * (1 + film / film.std().clamp_min(1e-9)).clamp_min(0)
    density = optical_density(amounts, vectors)
    light = draw_light(settings.camera, height, width, generator)
    dust = draw_dust(
        height, width, _number(settings, settings.clutter.dust, generator), pixel, settings.clutter.dust_density, generator
    )
    background = dust - light.log10()
    density = focus(density, 10**-background, settings.camera, pixel)
    background = -gaussian_blur(10**-background, settings.camera.blur / pixel).log10()
    image = expose(10 ** -(density + background), settings.camera, generator)
    return SimulatedSmear(image, density, background, amounts, vectors, cells, nuclei, clutter, measurements, settings)


def _number(settings: SmearSettings, per_area: float, generator: torch.Generator) -> int:
    area = settings.height * settings.width * settings.pixel**2 / 1e5  # in 0.1 square millimetres
    return int(torch.poisson(torch.tensor(per_area * area), generator=generator))


def _add(planes: Tensor, drawn: DrawnCells, centres: Tensor, generator: torch.Generator) -> list[_Placed | None]:
    """Add cells to the plane of focus that each lies in: half of them to the sharpest."""
    chosen = (torch.rand(len(centres), generator=generator) ** 2 * _PLANES).long().clamp_max(_PLANES - 1)
    places = [_overlap(centre, drawn.cytoplasm.shape[-1], *planes.shape[-2:]) for centre in centres.round().long().tolist()]
    for number, (place, plane) in enumerate(zip(places, chosen.tolist(), strict=True)):
        if place is not None:
            planes[plane][:, place.field_rows, place.field_columns] += drawn.amounts[number][:, place.rows, place.columns]
    return places


def _overlap(centre: list[int], side: int, height: int, width: int) -> _Placed | None:
    left, top = centre[0] - side // 2, centre[1] - side // 2
    rows, columns = (max(0, top), min(height, top + side)), (max(0, left), min(width, left + side))
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return None
    return _Placed(slice(*rows), slice(*columns), slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left))


def _cells(
    settings: SmearSettings, planes: Tensor, strength: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, list[int], Tensor]:
    """Draw and add squamous cells, some at a time so that memory stays bounded: labels, nuclei, kinds, centres."""
    height, width = planes.shape[-2:]
    layers: list[Tensor] = [torch.zeros(height, width, dtype=torch.int32)]
    nuclei = torch.zeros(height, width, dtype=torch.int32)
    centres, radii, kinds = torch.zeros(0, 2), torch.zeros(0), []
    for first in range(0, settings.cells, _AT_ONCE):
        count = min(_AT_ONCE, settings.cells - first)
        drawn = draw_cells(settings.kinds, count, settings.pixel, settings.texture, strength, generator)
        size = (drawn.cytoplasm.flatten(1).sum(1) / torch.pi).sqrt()
        where = place_cells(size, height, width, settings.clumping, settings.overlap, generator, (centres, radii))
        _label(layers, nuclei, drawn, _add(planes, drawn, where, generator), first)
        centres, radii = torch.cat((centres, where)), torch.cat((radii, size))
        kinds.extend(drawn.kinds.tolist())
    return torch.stack(layers), nuclei, kinds, centres


def _label(layers: list[Tensor], nuclei: Tensor, drawn: DrawnCells, places: list[_Placed | None], first: int) -> None:
    """Labels in as few layers as keep overlapping cells apart (first fit), and nuclei."""
    for number, place in enumerate(places):
        if place is None:
            continue
        label, window = first + number + 1, (place.field_rows, place.field_columns)
        mask = drawn.cytoplasm[number, place.rows, place.columns]
        layer = next((layer for layer in layers if not bool((layer[window] > 0)[mask].any())), None)
        if layer is None:
            layer = torch.zeros_like(nuclei)
            layers.append(layer)
        layer[window] = torch.where(mask, label, layer[window])
        nuclei[window] = torch.where(drawn.nucleus[number, place.rows, place.columns], label, nuclei[window])


def _clutter(settings: SmearSettings, planes: Tensor, strength: Tensor, centres: Tensor, generator: torch.Generator) -> Tensor:
    """Add what is no squamous cell; where it is, (height, width) bool."""
    height, width, pixel = settings.height, settings.width, settings.pixel
    size = torch.tensor([width, height], dtype=torch.float32)
    seen = torch.zeros(height, width, dtype=torch.bool)
    neutrophils, pieces, rods = (
        _number(settings, number, generator)
        for number in (settings.clutter.inflammatory, settings.clutter.debris, settings.clutter.bacteria)
    )
    for count, draw in ((neutrophils, draw_neutrophils), (pieces, draw_debris)):
        if not count:
            continue
        drawn = draw(count, pixel, strength, generator)
        where = torch.rand(count, 2, generator=generator) * size
        if draw is draw_neutrophils and len(centres):
            near = centres[torch.randint(len(centres), (count,), generator=generator)]
            near = near + 14 / pixel * torch.randn(count, 2, generator=generator)
            on_cells = torch.rand(count, 1, generator=generator) < settings.clutter.on_cells
            where = torch.where(on_cells, near, where)
        for number, place in enumerate(_add(planes, drawn, where, generator)):
            if place is not None:
                seen[place.field_rows, place.field_columns] |= drawn.cytoplasm[number, place.rows, place.columns]
    planes[0, 0] += draw_specks(height, width, rods, pixel, generator) * strength[0]
    return seen
