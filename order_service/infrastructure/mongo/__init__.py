import sys

# PyMongo first tries PyOpenSSL, which we do not ship; the attempt fails only after it has
# loaded 9 MB of cryptography. This way it goes to the standard library's TLS at once.
sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]
