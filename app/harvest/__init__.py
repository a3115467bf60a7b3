"""What other graphs know of what the store has, harvested from endpoints that the operator names."""

from app.harvest.harvest import KINDS, Harvested, harvest

__all__ = ["KINDS", "Harvested", "harvest"]
