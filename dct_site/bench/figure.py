"""One measured figure, in the form that `./dct bench` prints."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """``ratio`` is value over baseline value, unless ``conditions`` say otherwise; None where there is no baseline."""

    bench: str
    figure: str
    value: float
    unit: str
    n: int
    conditions: str
    baseline: str | None = None
    baseline_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return round(self.value / self.baseline_value, 3) if self.baseline_value else None

    def line(self) -> str:
        """One JSON object, on one line."""
        return json.dumps(asdict(self) | {"value": round(self.value, 3), "ratio": self.ratio})
