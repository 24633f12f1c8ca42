"""What comes in as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Unknown keys are refused, and nothing is taken for something else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self, *but: str) -> dict[str, Any]:
        """What was sent, and nothing else."""
        return self.model_dump(include=self.model_fields_set - set(but))
