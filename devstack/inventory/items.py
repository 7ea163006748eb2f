"""The sample shop's items."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SampleItem:
    """``price`` is a float, as in the JSON of a shop's own inventory."""

    item_id: str
    name: str
    description: str
    price: float
    stock: int


SAMPLE_ITEMS = (
    SampleItem("64b000000000000000000001", "Espresso cup", "Stoneware, 70 ml", 12.95, 100),
    SampleItem("64b000000000000000000002", "Pour-over kettle", "Gooseneck, 0.9 l", 64.5, 25),
    SampleItem("64b000000000000000000003", "Coffee beans", "House blend, 1 kg", 21.49, 500),
    SampleItem("64b000000000000000000004", "Hand grinder", "Steel burrs", 89.99, 10),
    SampleItem("64b000000000000000000005", "Paper filters", "Box of 100", 4.2, 1000),
    SampleItem("64b000000000000000000006", "Milk jug", "The last one, 350 ml", 17.05, 1),
)
