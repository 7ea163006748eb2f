"""What a port promises, as tests that each of its adapters passes, the fake as well.

A module of tests imports all of a suite, and makes the fixtures that the suite asks for.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.leases", f"{__name__}.order_repository")
