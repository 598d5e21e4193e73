"""Writes token vectors with the original Python libraries, for crates/domain/testdata/tokens.

Made in a fresh environment for each version of simplejwt:

    python3 -m venv env && env/bin/pip install "PyJWT[crypto]==2.9.0" "djangorestframework-simplejwt==5.5.1" setuptools
    env/bin/python scripts/vectors/tokens.py keys        # once: throw-away keys, kept in keys.txt
    env/bin/python scripts/vectors/tokens.py pyjwt       # pyjwt-<version>.txt
    env/bin/python scripts/vectors/tokens.py simplejwt   # simplejwt-<version>.txt
    env/bin/python scripts/vectors/tokens.py jwks        # jwks-pyjwt.txt: the public keys as key sets
"""

import base64
import json
import secrets
import sys
from importlib.metadata import version
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HERE = Path(__file__).resolve().parents[2] / "crates/domain/testdata/tokens"
KEYS = HERE / "keys.txt"
NOW = 1_790_000_000


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write_keys():
    pairs = {
        "es": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "rs2048": ("RS256", rsa.generate_private_key(65537, 2048)),
        "rs3072": ("RS256", rsa.generate_private_key(65537, 3072)),
        "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    }
    lines = [
        "# Throw-away keys for the token vectors in this folder; they protect nothing.",
        "# Made by scripts/vectors/tokens.py with cryptography " + version("cryptography") + ".",
        "# key NAME ALGORITHM MATERIAL: a shared secret or a PKCS#8 private key, in base64url.",
        "key hs HS256 " + b64(secrets.token_bytes(48)),
        "key hstext HS256 " + b64(b"an application's own signing key, kept since 2021"),
    ]
    for name, (algorithm, pair) in pairs.items():
        der = pair.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
        lines.append(f"key {name} {algorithm} {b64(der)}")
    KEYS.write_text("\n".join(lines) + "\n")


def read_keys():
    """name -> (algorithm, key to sign with, key to verify with), in the forms that PyJWT takes."""
    keys = {}
    for line in KEYS.read_text().splitlines():
        if not line.startswith("key "):
            continue
        _, name, algorithm, material = line.split(" ")
        raw = unb64(material)
        if algorithm == "HS256":
            keys[name] = (algorithm, raw, raw)
        else:
            private = form.load_der_private_key(raw, None)
            keys[name] = (algorithm, private, private.public_key())
    return keys


def record(lines, key, label, token):
    payload = unb64(token.split(".")[1]).decode()
    lines += [f"token {key} {label} {token}", f"claims {payload}"]


def write(name, how, lines):
    head = [f"# {how}", "# token KEY LABEL TOKEN, then its claims; the keys are in keys.txt."]
    (HERE / f"{name}.txt").write_text("\n".join(head + lines) + "\n")


def write_pyjwt():
    claims = {
        "nine": {"sub": "1", "iat": NOW, "exp": NOW + 86400, "nbf": NOW, "iss": "https://app.test/", "aud": ["a", "b"],
                 "jti": "1f3870be274f6c49b3e31a0c6728957f", "roles": ["autor", "lector"], "name": "Zoë \u2603 \U0001F511"},
        "bare": {"exp": NOW + 60},
        "nested": {"exp": NOW + 60.5, "user": {"id": 7, "tags": [[], {}, None, True, -1, 1.5e3]}, "": ""},
    }
    lines = []
    for name, (algorithm, private, public) in read_keys().items():
        for label, body in claims.items():
            token = jwt.encode(body, private, algorithm)
            jwt.decode(token, public, [algorithm], options={"verify_exp": False, "verify_iat": False, "verify_nbf": False,
                                                            "verify_aud": False})
            record(lines, name, label, token)
        headers = {"kid": "2024-key", "jku": "http://127.0.0.1:9/keys", "x5c": ["AA=="], "cty": "x"}
        record(lines, name, "headers", jwt.encode(claims["bare"], private, algorithm, headers=headers))
    name = "pyjwt-" + version("PyJWT")
    write(name, f"Made by scripts/vectors/tokens.py with PyJWT {version('PyJWT')}.", lines)


def write_simplejwt():
    import django
    from datetime import timedelta
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
        SECRET_KEY="unused", USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(days=1), "REFRESH_TOKEN_LIFETIME": timedelta(days=1)},
    )
    django.setup()
    from django.contrib.auth.models import User
    from rest_framework_simplejwt import tokens
    from rest_framework_simplejwt.backends import TokenBackend

    lines = []
    for name, (algorithm, private, public) in read_keys().items():
        if algorithm == "EdDSA":
            continue
        form_of = lambda key: key if isinstance(key, bytes) else (
            key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()) if hasattr(key, "private_bytes")
            else key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
        backend = TokenBackend(algorithm, form_of(private), form_of(public))
        tokens.Token.token_backend = property(lambda self: backend)
        tokens.Token.get_token_backend = lambda self: backend
        refresh = tokens.RefreshToken.for_user(User(id=1, username="ana"))
        refresh["username"] = "ana"
        access = refresh.access_token
        tokens.AccessToken(str(access))
        record(lines, name, "refresh", str(refresh))
        record(lines, name, "access", str(access))
    made = version("djangorestframework-simplejwt")
    how = f"Made by scripts/vectors/tokens.py with djangorestframework-simplejwt {made}, PyJWT {version('PyJWT')}, Django {django.__version__}."
    write(f"simplejwt-{made}", how, lines)


def write_jwks():
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

    makers = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    lines, whole = [], []
    for name, (algorithm, _, public) in read_keys().items():
        if algorithm == "HS256":
            continue
        key = json.loads(makers[algorithm].to_jwk(public)) | {"use": "sig", "alg": algorithm}
        # The name that the header of the token "headers" has.
        named = {"keys": [key | {"kid": "2024-key"}]}
        jwt.PyJWKSet.from_dict(named)
        lines.append(f"jwks {name} {json.dumps(named)}")
        whole.append(key | {"kid": name})
    # As Keycloak publishes one beside those that sign.
    whole.append(whole[1] | {"kid": "enc", "use": "enc", "alg": "RSA-OAEP"})
    lines.append(f"jwks all {json.dumps({'keys': whole})}")
    head = [f"# Made by scripts/vectors/tokens.py with PyJWT {version('PyJWT')}.", "# jwks KEY SET: the public key of keys.txt as a set."]
    (HERE / "jwks-pyjwt.txt").write_text("\n".join(head + lines) + "\n")


{"keys": write_keys, "jwks": write_jwks, "pyjwt": write_pyjwt, "simplejwt": write_simplejwt}[sys.argv[1]]()
