"""The sample Inventory Service: a stand-in for a shop's own inventory."""

from devstack.inventory.items import SAMPLE_ITEMS
from devstack.inventory.service import SampleInventory

__all__ = ["SAMPLE_ITEMS", "SampleInventory"]
