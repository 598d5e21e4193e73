#!/usr/bin/env python3
"""Writes the vectors of the formats that only other applications write, with the libraries that write them.

    python3 -m venv vectors-env
    vectors-env/bin/pip install werkzeug==3.1.9 passlib==1.7.4 bcrypt==4.0.1 argon2-cffi==25.1.0
    npm install better-auth@1.7.25 firebase-scrypt@2.2.0
    apt-get install php-cli openjdk-17-jdk-headless && apt-get download wordpress && dpkg -x wordpress_*.deb wordpress
    vectors-env/bin/python scripts/vectors/passwords_moving.py NODE_FOLDER WORDPRESS_FOLDER/usr/share/wordpress/wp-includes

Salts are fixed (but for PHP's argon2id), so the files come out the same each time. The origin decides for every line
whether the password matches.
"""

import base64
import ctypes
import hashlib
import hmac
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import argon2.low_level as a2
import passlib.hash as passlib
from cases import CASES, C_STRING_NUL, DECOMPOSED, EIGHT_BIT, L73, LONG, NUL, PLAIN, lines, write
from werkzeug import security as werkzeug

HERE = Path(__file__).resolve().parent
NO_NUL = [case for case in CASES if case[0] != NUL]
NO_BYTES_OF_NUL = [(p, right, [o for o in others if b"\0" not in o]) for p, right, others in NO_NUL]
FEW = [(PLAIN, [PLAIN], [b"correct horse battery staplf"])]
SPACES = [(b"  spaces around ", [b"  spaces around "], [b"spaces around", b"spaces", b"spaces  around"])]


class Peer:
    """Another language: one question a line, one answer a line."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def json(self, make, password, **more):
        return json.loads(self.ask(json.dumps({"make": make, "password": password.hex(), **more})))


def b64(raw):
    return base64.b64encode(raw).decode()


def unpadded(raw):
    return b64(raw).rstrip("=")


def adapted(raw):
    return unpadded(raw).replace("+", ".")


def salt(index, size=16):
    return hashlib.sha256(b"vector %d" % index).digest()[:size]


def werkzeug_files():
    def make(method):
        def make_one(password, index):
            text, actual = werkzeug._hash_internal(method, f"GW9L1fsaVPz{index}XyMs", password.decode())
            stored = f"{actual}$GW9L1fsaVPz{index}XyMs${text}"
            assert werkzeug.check_password_hash(stored, password.decode())
            return stored

        return make_one

    how = [f"Werkzeug {version('werkzeug')}, werkzeug.security, generate_password_hash with a fixed salt."]
    methods = ["pbkdf2:sha256:1", "pbkdf2:sha1:1000", "pbkdf2:sha512:1500"]
    write("werkzeug_pbkdf2", how + ["Few rounds; the last at the usual cost."],
          *[lines(CASES, make(method)) for method in methods], lines(FEW, make("pbkdf2:sha256:1000000"), few=True))
    write("werkzeug_scrypt", how + ["Cheap ones, the last at the usual cost."],
          lines(CASES, make("scrypt:1024:8:1")), lines(CASES[:1], make("scrypt:256:16:4")), lines(FEW, make("scrypt:32768:8:1")))


def pbkdf2_file(java):
    def handler(cls, rounds):
        def make(password, index):
            stored = cls.using(rounds=rounds, salt=salt(index)).hash(password)
            assert cls.verify(password, stored)
            return stored

        return make

    def auth0(password, index):
        tag = hashlib.pbkdf2_hmac("sha512", password, salt(index), 1000)
        return f"$pbkdf2-sha512$i=1000,l=64${unpadded(salt(index))}${unpadded(tag)}"

    def keycloak(name, algorithm, prefix, rounds, bits):
        def make(password, index):
            value = java.ask(f"{password.hex() or '-'} {algorithm} {rounds} {b64(salt(index))} {bits}")
            return f"${prefix}${rounds}${adapted(salt(index))}${adapted(base64.b64decode(value))}"

        return make

    names = ["pbkdf2_sha1", "pbkdf2_sha256", "pbkdf2_sha512", "ldap_pbkdf2_sha1", "ldap_pbkdf2_sha256", "ldap_pbkdf2_sha512"]
    write(
        "pbkdf2",
        [f"passlib {version('passlib')}: pbkdf2_*, then ldap_pbkdf2_*; then PHC with i and l as Auth0 documents it (hashlib);",
         "then as Keycloak computes (PBEKeySpec of Java, Keycloak.java), 512 bits as its older releases derive;",
         "the last at the usual cost."],
        *[lines(NO_BYTES_OF_NUL, handler(getattr(passlib, name), 3)) for name in names],
        lines(CASES, auth0),
        lines(CASES, keycloak("pbkdf2", "PBKDF2WithHmacSHA1", "pbkdf2", 20, 512)),
        lines(CASES, keycloak("pbkdf2-sha256", "PBKDF2WithHmacSHA256", "pbkdf2-sha256", 20, 512)),
        lines(CASES[:2], keycloak("pbkdf2-sha512", "PBKDF2WithHmacSHA512", "pbkdf2-sha512", 20, 512)),
        lines(CASES[:2], keycloak("pbkdf2-sha256", "PBKDF2WithHmacSHA256", "pbkdf2-sha256", 27500, 512), few=True),
        lines(FEW, handler(passlib.pbkdf2_sha256, 29000)),
    )


def phpass_files(php):
    def portable(setting):
        return lambda password, index: php.json("phpass", password, setting=f"{setting}abcdef{index}/")

    def handler(password, index):
        return passlib.phpass.using(rounds=8, ident="$H$", salt=f"phpBB3.{index}").hash(password)

    found = php.json("version", b"")
    write(
        "phpass",
        [f"$P$ with class-phpass.php 0.5 of WordPress on PHP {found}; $H$ with passlib {version('passlib')}.",
         "2^7 and 2^8 rounds, one at the usual 2^13. $P$ matches without white space at the ends, too: wp_authenticate trims."],
        lines(CASES + SPACES, portable("$P$5"), trim=b" \t\n\r\v\0"), lines(NO_BYTES_OF_NUL, handler), lines(FEW, portable("$P$B")),
    )

    def wordpress(cost):
        def make(password, index):
            return php.json("wordpress", password, setting=f"$2y${cost:02}$abcdefghijklmnopqrst{index}u")

        return make

    trimmed = [(b" \t spaces around\n", [b" \t spaces around\n", b"spaces around", b"\0spaces around\x0b\r"],
                [b"spaces", b"spaces  around"])]
    write(
        "wordpress",
        [f"PHP {found}: '$wp' . crypt(base64_encode(hash_hmac('sha384', trim($password), 'wp-sha384', true))), which is what",
         "wp_hash_password of WordPress 6.8 does, with a fixed salt; wp_authenticate trims, too. Cost 4, one at the usual 10.",],
        lines(CASES, wordpress(4)), lines(trimmed, wordpress(4)), lines(FEW, wordpress(10)),
    )


def php_files(php):
    """What Laravel and every other PHP application write."""

    found = php.json("version", b"")

    def crypt(cost):
        def make(password, index):
            stored = php.json("crypt", password, setting=f"$2y${cost:02}$abcdefghijklmnopqrst{index}u")
            assert php.json("password_verify", password, stored=stored)
            return stored

        return make

    write("php_bcrypt", [f"crypt of PHP {found} with a fixed salt, checked with password_verify. Cost 4, one at Laravel's 12."],
          lines(NO_BYTES_OF_NUL + LONG + [C_STRING_NUL], crypt(4)), lines(FEW, crypt(12), few=True))

    def argon2(options):
        made = {}

        def stored_for(password):
            if password not in made:
                made[password] = php.json("password_hash", password, options=options)
            return made[password]

        out = []
        for password, right, others in CASES if options["memory_cost"] < 1000 else FEW:
            for typed in right + others:
                matches = php.json("password_verify", typed, stored=stored_for(password))
                out.append(f"{typed.hex() or '-'} {stored_for(password)} {'yes' if matches else 'no'}")
        return out

    write("php_argon2id", [f"password_hash of PHP {found}, PASSWORD_ARGON2ID; salts of PHP's own. Cheap ones, then Laravel's cost."],
          argon2({"memory_cost": 64, "time_cost": 2, "threads": 2}),
          argon2({"memory_cost": 65536, "time_cost": 4, "threads": 1}))


def sha_crypt_files():
    lib = ctypes.CDLL("libcrypt.so.1")
    lib.crypt.restype = ctypes.c_char_p

    for name, number, handler in (("sha256_crypt", 5, passlib.sha256_crypt), ("sha512_crypt", 6, passlib.sha512_crypt)):
        def xcrypt(setting):
            def make(password, index):
                stored = lib.crypt(password, setting.format(index=index).encode()).decode()
                assert stored.startswith(f"${number}$")
                return stored

            return make

        def by_passlib(password, index):
            return handler.using(rounds=1234, salt=f"NaCl./{index}").hash(password)

        long = [(b"l" * 511, [b"l" * 511], [b"l" * 510]), (L73 * 3, [L73 * 3], [L73 * 2])]
        write(
            name,
            ["crypt() of libxcrypt 4.4 (C strings, at most 511 bytes), 5000 rounds unless the hash says otherwise;",
             f"then passlib {version('passlib')}."],
            lines(NO_BYTES_OF_NUL + [C_STRING_NUL] + long, xcrypt(f"${number}$rounds=1000$abcdefghijklmno{{index}}$")),
            lines(CASES[:1], xcrypt(f"${number}$short{{index}}$")),
            lines(NO_BYTES_OF_NUL, by_passlib),
            lines(FEW, xcrypt(f"${number}$rounds=65600$salt$")),
        )


def bcrypt_sha256_file():
    def handler(number):
        def make(password, index):
            handler = passlib.bcrypt_sha256.using(rounds=4, version=number, salt="abcdefghijklmnopqrst" + str(index) + "u")
            stored = handler.hash(password)
            assert passlib.bcrypt_sha256.verify(password, stored)
            return stored

        return make

    write("passlib_bcrypt_sha256",
          [f"passlib {version('passlib')}, bcrypt_sha256 (version 2, then version 1) on bcrypt {version('bcrypt')}. Cost 4."],
          lines(NO_BYTES_OF_NUL, handler(2)), lines(NO_BYTES_OF_NUL, handler(1)))


def node_files(node):
    key = b64(bytes(range(64)))

    def firebase(separator, mem_cost, rounds):
        def make(password, index):
            project = {"memCost": mem_cost, "rounds": rounds, "saltSeparator": separator, "signerKey": key}
            own = b64(salt(index, 10))
            tag = node.json("firebase", password, project=project, salt=own)
            return f"$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={separator},sk={key}${own}${tag}"

        return make

    # firebase-scrypt refuses an empty password.
    filled = [(p, right, [o for o in others if o]) for p, right, others in CASES if p]
    # The parameters, the salt and the hash that the README of firebase/scrypt publishes; the password is "user1password".
    published = (
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
        "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
        "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
    )
    write(
        "firebase_scrypt",
        ["firebase-scrypt 2.2.0 (npm), written in the form of Supabase; the last is published in the README of",
         "github.com/firebase/scrypt. Cheap ones first."],
        lines(filled, firebase("Bw==", 4, 8)), lines(filled[:1], firebase(b64(b"separator"), 8, 2)),
        [f"{b'user1password'.hex()} {published} yes", f"{b'user1passwore'.hex()} {published} no"],
    )

    def better_auth(password, index):
        return node.json("better_auth", password, salt=salt(index).hex())

    composed = [("ﬁx ①".encode(), ["ﬁx ①".encode(), b"fix 1"], [b"Fix 1"]),
                (EIGHT_BIT, [EIGHT_BIT, DECOMPOSED], ["pÄsswörd-密码-🔑".encode()])]
    few = [case for case in CASES if case[0] in (PLAIN, b"", NUL)]
    write("better_auth", ["better-auth 1.7.25 (npm), hashPassword with a fixed salt. It hashes the NFKC form of the password."],
          lines(few, better_auth), lines(composed, better_auth))


def aspnet_file():
    """The tests of ASP.NET publish hashes of "my password"; more by hashlib, as PasswordHasher.cs describes the blob."""

    def v2(password, index):
        return b64(b"\0" + salt(index) + hashlib.pbkdf2_hmac("sha1", password, salt(index), 1000, 32))

    def v3(prf, rounds, salt_bytes, bytes_):
        def make(password, index):
            own = salt(index, salt_bytes)
            tag = hashlib.pbkdf2_hmac(("sha1", "sha256", "sha512")[prf], password, own, rounds, bytes_)
            head = b"\1" + b"".join(number.to_bytes(4, "big") for number in (prf, rounds, salt_bytes))
            return b64(head + own + tag)

        return make

    published = [
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
        "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A==",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
    ]
    known = [line for stored in published
             for line in (f"{b'my password'.hex()} {stored} yes", f"{b'my passwore'.hex()} {stored} no")]
    wrong = ["AAABAgMEBQYHCAkKCwwNDg+uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALtH1uJg==",
             "AQAAAAAAAAD6AAAAEAhftMyfTJyAAAAAAAAAAAAAAAAAAAih5WsjXaR3PA9M"]
    prefixed = [f"{b'my password'.hex()} $aspnet${published[0]} yes"]
    write(
        "aspnet_identity",
        ["published in PasswordHasherTest.cs of github.com/dotnet/aspnetcore, right and wrong ones; then computed with hashlib",
         "of Python as PasswordHasher.cs lays the bytes out. One behind the prefix that names it."],
        known, [f"{b'my password'.hex()} {stored} no" for stored in wrong], prefixed,
        lines(CASES, v2), lines(CASES, v3(1, 100, 16, 32)), lines(CASES[:2], v3(2, 100, 16, 32)),
        lines(CASES[:1], v3(0, 100, 32, 64)), lines(FEW, v3(2, 100_000, 16, 32)),
    )


DIGESTS = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


def weak_file():
    """Weak digests as applications keep them: password, text, layout, match."""

    out = []

    def add(layout, cases, make):
        out.extend(f"{line.rsplit(' ', 1)[0]} {layout} {line.rsplit(' ', 1)[1]}" for line in lines(cases, make))

    def handler(name, **more):
        def make(password, index):
            cls = getattr(passlib, name)
            with_salt = {"salt": more["salt"](index)} if "salt" in more else {}
            stored = cls.using(**with_salt).hash(password)
            assert cls.verify(password, stored)
            return stored

        return make

    for name in ("hex_md5", "hex_sha1", "hex_sha256", "hex_sha512", "ldap_md5", "ldap_sha1", "mysql41"):
        add("salt-first", NO_BYTES_OF_NUL, handler(name))
    for name in ("django_salted_md5", "django_salted_sha1"):
        add("salt-first", NO_BYTES_OF_NUL, handler(name, salt=lambda index: f"GW9L1fsaVPz{index}"))
    for name in ("ldap_salted_md5", "ldap_salted_sha1", "ldap_salted_sha256", "ldap_salted_sha512"):
        add("salt-first", NO_BYTES_OF_NUL, handler(name, salt=lambda index: salt(index, 8)))
    for name, digest in DIGESTS.items():
        add("salt-first", CASES[:2], lambda p, i: f"{name}$pepper/{i}${digest(b'pepper/%d' % i + p).hexdigest()}")
        add("salt-last", CASES[:2], lambda p, i: f"{name}$pepper/{i}${digest(p + b'pepper/%d' % i).hexdigest()}")
        # Werkzeug before 3: hmac.new(salt, password, method).
        add("hmac-salt", CASES[:2], lambda p, i: f"{name}$pepper/{i}${hmac.new(b'pepper/%d' % i, p, name).hexdigest()}")
        add("hmac-salt", CASES[:1], lambda p, i: f"{name}${'k' * 128}${hmac.new(b'k' * 128, p, name).hexdigest()}")
    add("salt-first", CASES[:2], lambda p, i: f"md5$${hashlib.md5(p).hexdigest()}")
    add("salt-first", CASES[:2], lambda p, i: hashlib.sha256(p).hexdigest().upper())
    how = [f"passlib {version('passlib')} (hex_*, ldap_*, mysql41, django_salted_*), then hashlib and hmac of Python for",
           "name$salt$hex with the salt before, behind, or as the key of an HMAC (Werkzeug before 3)."]
    header = ["How the digests were made: " + how[0], how[1], "Fields: password in hexadecimal (- is empty), digest, layout, match."]
    from cases import OUT

    (OUT / "weak_digests.txt").write_text("\n".join([f"# {line}" for line in header] + out) + "\n")


def wrapped_file():
    """What is stored of a weak digest: argon2id of the C reference implementation over hashlib's digest."""

    def make(described, digest):
        def make_one(password, index):
            own = b"sixteen bytes 0%d" % index
            text = a2.hash_secret(digest(password), own, 2, 64, 1, 32, a2.Type.ID, 19).decode()
            return text.replace(",p=1$", f",p=1,data={unpadded(described)}$")

        return make_one

    def first(name):
        return lambda password: DIGESTS[name](b"Na/Cl" + password).digest()

    def last(name):
        return lambda password: DIGESTS[name](password + b"Na/Cl").digest()

    sha1 = DIGESTS["sha1"]
    write(
        "wrapped",
        [f"digests with hashlib and hmac of Python, argon2id with argon2-cffi {version('argon2-cffi')} (the C reference implementation);",
         "data put in by hand."],
        *[lines(CASES, make(name.encode(), lambda p: digest(p).digest())) for name, digest in DIGESTS.items()],
        *[lines(CASES[:2], make(name.encode() + b"/salt-first/Na/Cl", first(name))) for name in DIGESTS],
        *[lines(CASES[:2], make(name.encode() + b"/salt-last/Na/Cl", last(name))) for name in DIGESTS],
        lines(CASES[:2], make(b"sha256/hmac-salt/Na/Cl", lambda p: hmac.digest(b"Na/Cl", p, "sha256"))),
        lines(CASES[:2], make(b"sha1-sha1", lambda p: sha1(sha1(p).digest()).digest())),
    )


if __name__ == "__main__":
    node_folder, wordpress_folder = sys.argv[1:]
    java = Peer("java", str(HERE / "Keycloak.java"))
    php = Peer("php", str(HERE / "passwords.php"), wordpress_folder)
    node = Peer("node", str(HERE / "passwords.mjs"), str(Path(node_folder).resolve()))
    werkzeug_files()
    pbkdf2_file(java)
    phpass_files(php)
    php_files(php)
    sha_crypt_files()
    bcrypt_sha256_file()
    node_files(node)
    aspnet_file()
    weak_file()
    wrapped_file()
