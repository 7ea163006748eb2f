"""``order-service``, and ``python -m order_service``."""

from order_service.bootstrap.commands import Commands
from order_service.interface.cli.main import run


def main() -> None:
    run(Commands)


if __name__ == "__main__":
    main()
