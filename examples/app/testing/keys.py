"""Keys for tests, and the sets that publish their public halves."""

import json

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

SigningKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def key_set(**keys: SigningKey) -> str:
    """A key set (RFC 7517) of these, by kid."""
    return json.dumps({"keys": [{**_public(key), "kid": kid, "use": "sig"} for kid, key in keys.items()]})


def _public(key: SigningKey) -> dict:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else OKPAlgorithm
    return algorithm.to_jwk(key.public_key(), as_dict=True)
