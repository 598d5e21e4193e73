"""Reads exports as those read them who get them.

    readers.py django DIR FIXTURE PASSWORD    loads the fixture into DIR/leaving.sqlite3 and prints, as JSON, who signs in with PASSWORD
    readers.py age FILE IDENTITY              prints what a sealed file holds
"""

import json
import sys
from pathlib import Path


def load_django(folder, fixture, password):
    import django
    from django.conf import settings

    hashers = ["Argon2PasswordHasher", "BCryptPasswordHasher", "PBKDF2PasswordHasher", "ScryptPasswordHasher"]
    settings.configure(
        SECRET_KEY="only for a test",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder) / "leaving.sqlite3"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in hashers],
    )
    django.setup()
    from django.contrib.auth import authenticate
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("loaddata", fixture, verbosity=0)
    users = {}
    for user in User.objects.order_by("id"):
        users[user.username] = {
            "id": user.id,
            "email": user.email,
            "staff": user.is_staff,
            "active": user.is_active,
            "joined": user.date_joined.isoformat(),
            "usable": user.has_usable_password(),
            "signs_in": authenticate(username=user.username, password=password) == user,
        }
    print(json.dumps(users))


def open_sealed(file, identity):
    import pyrage

    identity = pyrage.x25519.Identity.from_str(identity)
    sys.stdout.buffer.write(pyrage.decrypt(Path(file).read_bytes(), [identity]))


{"django": load_django, "age": open_sealed}[sys.argv[1]](*sys.argv[2:])
