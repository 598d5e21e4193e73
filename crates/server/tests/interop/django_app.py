"""A small application as it stands before and beside the move: Django, Django REST framework and simplejwt.

    django_app.py DIR serve     listens on a free port, prints "listening PORT", ends when its standard input ends
    django_app.py DIR create    reads users as JSON from standard input (a list of objects) into DIR/db.sqlite3
    django_app.py DIR export    prints one line of JSON for each user, as an import takes them
    django_app.py DIR sign      reads {"claims", "secret", "algorithm"} from standard input, prints the token by PyJWT

The signing key is the content of DIR/secret, which is the file the sign-in server reads too.
"""

import json
import os
import sys
import threading
from pathlib import Path

import django
import jwt
from django.conf import settings

HOME = Path(sys.argv[1])

settings.configure(
    SECRET_KEY="only sessions and forms use it, and there are none of them",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # For the Content-Length of every answer.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HOME / "db.sqlite3"}},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
    SIMPLE_JWT={"SIGNING_KEY": (HOME / "secret").read_text().strip()},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402


@api_view(["GET"])
def whoami(request):
    return Response({"id": request.user.id, "username": request.user.username, "email": request.user.email})


urlpatterns = [path("api/token/", TokenObtainPairView.as_view()), path("whoami/", whoami)]


def create():
    call_command("migrate", verbosity=0)
    for row in json.load(sys.stdin):
        User.objects.create_user(**row)


def export():
    for user in User.objects.order_by("id"):
        print(
            json.dumps(
                {
                    "id": user.id,
                    "username": user.username,
                    "email": user.email,
                    "first_name": user.first_name,
                    "last_name": user.last_name,
                    "password_hash": user.password,
                    "created_at": user.date_joined.isoformat(),
                }
            )
        )


def sign():
    order = json.load(sys.stdin)
    print(jwt.encode(order["claims"], order["secret"], order["algorithm"]))


def serve():
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    print("listening", server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


{"serve": serve, "create": create, "export": export, "sign": sign}[sys.argv[2]]()
