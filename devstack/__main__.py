"""``python -m devstack``: see supervisor."""

import sys

from devstack.supervisor import main

if __name__ == "__main__":
    sys.exit(main())
