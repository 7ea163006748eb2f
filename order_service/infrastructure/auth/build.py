"""The verifier that the settings describe."""

from order_service.infrastructure.auth.key_set import Fetch, KeySet
from order_service.infrastructure.auth.sources import IssuersUrl, KeyFile
from order_service.infrastructure.auth.tokens import TokenVerifier
from order_service.settings import Settings


def key_set(settings: Settings) -> KeySet:
    """The configured issuer's key set. Fetches nothing yet."""
    fetch: Fetch
    if settings.auth_jwks_url is not None:
        fetch = IssuersUrl(settings.auth_jwks_url, settings.auth_ca_file)
    else:
        assert settings.auth_jwks_file is not None
        fetch = KeyFile(settings.auth_jwks_file)
    return KeySet(fetch, cooldown=settings.auth_jwks_cooldown, max_age=settings.auth_jwks_max_age)


def token_verifier(settings: Settings, keys: KeySet) -> TokenVerifier:
    assert settings.auth_issuer is not None
    assert settings.auth_audience is not None
    return TokenVerifier(
        keys,
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
        leeway=settings.auth_leeway,
    )
