#!/usr/bin/env python3
"""Writes crates/domain/testdata/passwords/*.txt with the libraries that made such hashes in the first place.

    python3 -m venv vectors-env
    vectors-env/bin/pip install django==5.2.19 bcrypt==5.0.0 argon2-cffi==25.1.0 passlib==1.7.4
    vectors-env/bin/python scripts/vectors/passwords.py

bcrypt with C strings comes from libxcrypt (libcrypt.so.1, as in Debian and Fedora). Salts are fixed, so the files
come out the same each time. The origin decides for every line whether the password matches.
"""

import base64
import ctypes
import hashlib
from importlib.metadata import version

import argon2.low_level as a2
import bcrypt
import django
from django.conf import settings
from passlib.hash import scrypt as passlib_scrypt

settings.configure()
django.setup()
from django.contrib.auth import hashers  # noqa: E402  (needs the settings)

from cases import CASES, C_STRING_NUL, DECOMPOSED, EIGHT_BIT, L72, LONG, NUL, OUT, PLAIN, lines, write  # noqa: E402


def argon2(kind, cost, v=19, tag=32, salt=b"sixteen bytes 00"):
    def make(password, index):
        m, t, p = cost
        text = a2.hash_secret(password, salt[:-1] + b"%d" % index, t, m, p, tag, kind, v).decode()
        assert a2.verify_secret(text.encode(), password, kind)
        return text

    return make


def argon2_files():
    how = [f"argon2-cffi {version('argon2-cffi')}, argon2.low_level.hash_secret (the C reference implementation)."]
    for name, kind in (("argon2id", a2.Type.ID), ("argon2i", a2.Type.I), ("argon2d", a2.Type.D)):
        groups = [
            lines(CASES, argon2(kind, (64, 2, 1))),
            lines(CASES[:2], argon2(kind, (128, 3, 4), v=16)),
            lines(CASES[:1], argon2(kind, (100, 1, 3), tag=16, salt=b"12345670")),
            lines(CASES[:1], argon2(kind, (72, 1, 2), tag=128, salt=b"s" * 128)),
            lines(CASES[:1], argon2(kind, (19456, 2, 1)), few=True),
            # Version 16 may be left out, as the reference implementation of 2015 did.
            [line.replace("$v=16", "") for line in lines(CASES[:1], argon2(kind, (64, 2, 1), v=16))],
        ]
        write(name, how, *groups)


def decoded(password):
    return password.decode()


def django_files():
    how = [f"Django {django.__version__}, django.contrib.auth.hashers, {{}}.encode(password, salt)."]

    def pbkdf2(cls, rounds):
        def make(password, index):
            hasher = cls()
            stored = hasher.encode(decoded(password), f"GW9L1fsaVPz{index}XyMs8oHOa", rounds)
            assert hasher.verify(decoded(password), stored)
            return stored

        return make

    for name, cls, real in (
        ("django_pbkdf2_sha256", hashers.PBKDF2PasswordHasher, [870_000, 1_200_000]),
        ("django_pbkdf2_sha1", hashers.PBKDF2SHA1PasswordHasher, [870_000]),
    ):
        groups = [lines(CASES, pbkdf2(cls, rounds)) for rounds in (1, 2, 1500)]
        groups += [lines([(PLAIN, [PLAIN], [])], pbkdf2(cls, rounds)) for rounds in real]
        write(name, [how[0].format(cls.__name__)], *groups)

    class Cheap(hashers.Argon2PasswordHasher):
        memory_cost, parallelism = 256, 8

    def django_argon2(cls):
        def make(password, index):
            stored = cls().encode(decoded(password), f"pMLyq6eA1V{index}mAyXOK7OWdX")
            assert cls().verify(decoded(password), stored)
            return stored

        return make

    # Django before 3.2 wrote argon2i.
    old = lines(CASES[:2], lambda password, index: "argon2" + argon2(a2.Type.I, (512, 2, 2))(password, index))
    write(
        "django_argon2",
        [how[0].format("Argon2PasswordHasher") + " Memory lowered to 256 KiB,",
         f"the last at the real cost; argon2i as Django 3.1 wrote it, from argon2-cffi {version('argon2-cffi')}."],
        lines(CASES, django_argon2(Cheap)),
        old,
        lines(CASES[:1], django_argon2(hashers.Argon2PasswordHasher), few=True),
    )

    def scrypt(n=None, r=None, p=None):
        def make(password, index):
            hasher = hashers.ScryptPasswordHasher()
            stored = hasher.encode(decoded(password), f"GW9L1fsaVPz{index}XyMs8oHOa", n, r, p)
            assert hasher.verify(decoded(password), stored)
            return stored

        return make

    write(
        "django_scrypt",
        [how[0].format("ScryptPasswordHasher") + " Cheap ones, then one at the real cost."],
        lines(CASES, scrypt(16, 8, 5)),
        lines(CASES[:1], scrypt(1024, 1, 1)),
        lines(CASES[:1], scrypt(2, 64, 16)),
        lines([(PLAIN, [PLAIN], [])], scrypt()),
    )


def bcrypt_salt(index, cost=4, revision="2b"):
    return f"${revision}${cost:02}${'abcdefghijklmnopqrst'}{index}u".encode()


def django_bcrypt_files():
    how = f"Django {django.__version__}, django.contrib.auth.hashers, {{}}.encode(password, salt), on bcrypt {bcrypt.__version__}."

    def make_with(cls, cost):
        def make(password, index):
            hasher = cls()
            stored = hasher.encode(decoded(password), bcrypt_salt(index, cost))
            assert hasher.verify(decoded(password), stored)
            return stored

        return make

    sha256 = hashers.BCryptSHA256PasswordHasher
    write("django_bcrypt_sha256", [how.format(sha256.__name__), "Cost 4, the last at the real cost 12."],
          lines(CASES, make_with(sha256, 4)), lines([(PLAIN, [PLAIN], [])], make_with(sha256, 12)))

    # bcrypt 5 refuses more than 72 bytes; before, it cut them off. The hash of the first 72 is the same.
    plain = hashers.BCryptPasswordHasher

    def cut(password, index):
        return make_with(plain, 4)(password[:72], index)

    write("django_bcrypt", [how.format(plain.__name__), "Cost 4. More than 72 bytes cut off, as bcrypt before 5.0 did."],
          lines(CASES[:4] + CASES[5:], make_with(plain, 4)), lines(LONG, cut))


def crypt(password, setting):
    lib = ctypes.CDLL("libcrypt.so.1")
    lib.crypt.restype = ctypes.c_char_p
    stored = lib.crypt(password, setting).decode()
    assert stored.startswith(setting.decode()[:7])
    return stored


def bcrypt_file():
    def pyca(revision):
        def make(password, index):
            stored = bcrypt.hashpw(password[:72], bcrypt_salt(index, revision=revision)).decode()
            assert bcrypt.checkpw(password[:72], stored.encode())
            return stored

        return make

    def xcrypt(revision, cost=4):
        return lambda password, index: crypt(password, bcrypt_salt(index, cost, revision))

    # The sign error: in a word, what stands before a byte above 127 is lost.
    signed = [(EIGHT_BIT, [EIGHT_BIT], [DECOMPOSED]), (b"abc\xff", [b"abc\xff"], [b"ab\xff\xff", b"abd\xff"])]
    openwall = "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"
    assert crypt(b"\xa3", b"$2x$05$/OK.fbVrR/bpIqNJ5ianF.") == openwall
    known = [f"a3 {openwall} yes", f"ffffa3 {openwall} yes", f"a4 {openwall} no"]
    c_cases = CASES[:3] + CASES[5:] + LONG + [C_STRING_NUL]
    # Some origins leave bits behind the 22 characters of the salt; libxcrypt keeps such a salt as it is given.
    first = xcrypt("2b")(PLAIN, 0)
    loose = first[:28] + "v" + first[29:]
    write(
        "bcrypt",
        [f"$2a$ and $2b$ with bcrypt {bcrypt.__version__}, cut at 72 bytes as it did before 5.0;",
         "$2a$, $2b$, $2x$ and $2y$ with crypt() of libxcrypt 4.4 (C strings); one $2x$ from the tests of crypt_blowfish",
         "(Openwall), recomputed; one salt with its spare bits set. Cost 4, one at the usual 10."],
        lines(CASES[:4] + CASES[5:] + LONG, pyca("2b")),
        lines(CASES[:4] + CASES[5:] + LONG, pyca("2a")),
        lines(CASES[:3] + CASES[5:] + LONG, xcrypt("2a")),
        lines(CASES[:3] + CASES[5:] + LONG, xcrypt("2b")),
        lines(c_cases, xcrypt("2y")),
        lines([c for c in c_cases if c[0] != EIGHT_BIT] + signed, xcrypt("2x")),
        known,
        [f"{PLAIN.hex()} {loose} yes"],
        lines([(PLAIN, [PLAIN], [])], xcrypt("2y", 10)),
    )


def scrypt_file():
    def unpadded(raw):
        return base64.b64encode(raw).decode().rstrip("=")

    def raw(log_n, r, p, size=32):
        def make(password, index):
            salt = b"sixteen bytes 0%d" % index
            tag = hashlib.scrypt(password, salt=salt, n=1 << log_n, r=r, p=p, dklen=size, maxmem=1 << 28)
            return f"$scrypt$ln={log_n},r={r},p={p}${unpadded(salt)}${unpadded(tag)}"

        return make

    def passlib(password, index):
        salt = b"passlib 16 byte%d" % index
        stored = passlib_scrypt.using(rounds=4, salt=salt).hash(password)
        assert passlib_scrypt.verify(password, stored)
        return stored

    no_nul = [case for case in CASES if case[0] != NUL]
    write(
        "scrypt",
        [f"passlib {version('passlib')} (scrypt, rounds 4; it refuses NUL), then hashlib.scrypt of Python with OpenSSL,",
         "written in PHC form; the last at 2^14, 8, 1."],
        lines(no_nul, passlib),
        lines(CASES, raw(4, 8, 1)),
        lines(CASES[:1], raw(7, 3, 4, 64)),
        lines(CASES[:1], raw(1, 64, 16, 128)),
        lines([(PLAIN, [PLAIN], [])], raw(14, 8, 1)),
    )


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    argon2_files()
    django_files()
    django_bcrypt_files()
    bcrypt_file()
    scrypt_file()
