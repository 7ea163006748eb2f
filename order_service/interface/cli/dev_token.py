"""``order-service dev-token``: a token to try authentication with, from an issuer of one's own.

Never for production: whoever reads the file of the private key can sign a token for anybody.
"""

import time
from pathlib import Path

import click

from order_service.application.callers import Scope
from order_service.interface.cli.dev_keys import signed
from order_service.interface.cli.parameters import Within

ISSUER, AUDIENCE = "order-service-dev", "order-service"
FOLDER = Path(".data/dev-keys")
_A_YEAR = 366 * 24.0
# A customer's scopes. orders:admin, which allows every customer's orders, must be asked for.
SCOPES = " ".join(scope for scope in Scope if scope is not Scope.ORDERS_ADMIN)


def _known(scope: str) -> str:
    """Refuse a misspelt scope, which would make a token that allows nothing."""
    unknown = sorted(set(scope.split()) - set(Scope))
    if unknown:
        known = ", ".join(Scope)
        raise click.BadParameter(f"{unknown[0]!r} is no scope; the scopes are {known}.")
    return scope


@click.command("dev-token")
@click.option("--sub", required=True, help="The customer's id.")
@click.option(
    "--scope",
    default=SCOPES,
    show_default=True,
    callback=lambda _context, _option, scope: _known(scope),
    help="Scopes with blanks between; orders:admin allows every customer's orders.",
)
@click.option(
    "--hours",
    default=12.0,
    show_default=True,
    type=Within(-_A_YEAR, _A_YEAR),
    help="How long the token is valid.",
)
@click.option("--issuer", default=ISSUER, show_default=True, envvar="AUTH_ISSUER")
@click.option("--audience", default=AUDIENCE, show_default=True, envvar="AUTH_AUDIENCE")
@click.option(
    "--keys",
    "folder",
    default=FOLDER,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the key; a key is made if the folder has none.",
)
def dev_token(sub: str, scope: str, hours: float, issuer: str, audience: str, folder: Path) -> None:
    """Print a token, for development alone.

    The API takes it when it is started with AUTH_JWKS_FILE=.data/dev-keys/jwks.json
    AUTH_ISSUER=order-service-dev AUTH_AUDIENCE=order-service.
    """
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": sub, "scope": scope}
    times = {"iat": now, "exp": now + round(hours * 3600)}
    click.echo(signed({**claims, **times}, folder))
