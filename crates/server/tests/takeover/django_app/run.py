"""Runs the application: APP_HOME=DIR run.py serve | fill USERS PASSWORDS

    serve   listens on a free port of 127.0.0.1, prints "listening PORT", ends when its standard input ends
    fill    makes the tables and USERS users, who share PASSWORDS passwords, each with a real hash of its own

User n is user00000n with the address user00000n@example.com and the password "kept since 2019, m", where m is n
modulo PASSWORDS. Every 50th is switched off, every 51st has no usable password, the first is a superuser.
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from users.models import Users  # noqa: E402


def hashes(count):
    # The hashing itself runs outside the interpreter's lock.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda number: make_password(f"kept since 2019, {number}"), range(count)))


def user(number, hashes):
    return Users(
        id=number,
        username=f"user{number:06}",
        email=f"user{number:06}@example.com",
        first_name="Zoë" if number % 7 == 0 else "",
        last_name=f"Núñez {number}",
        number_phone=f"6{number:09}" if number % 3 else None,
        avatar=f"avatars/{number}.png" if number % 5 == 0 else None,
        password="!" + "x" * 40 if number % 51 == 0 else hashes[number % len(hashes)],
        is_active=number % 50 != 0,
        is_staff=number == 1,
        is_superuser=number == 1,
    )


def fill(users, passwords):
    call_command("migrate", verbosity=0)
    made = hashes(passwords)
    Users.objects.bulk_create((user(number, made) for number in range(1, users + 1)), batch_size=2000)
    print(Users.objects.count(), "users")


def serve():
    from waitress.server import create_server

    server = create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=8)
    print("listening", server.effective_port, flush=True)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


{"serve": serve, "fill": fill}[sys.argv[1]](*map(int, sys.argv[2:]))
