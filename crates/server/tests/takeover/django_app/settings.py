"""Settings of the application, as small as they can be. APP_HOME names the folder with its secret and its data."""

import os
from pathlib import Path

HOME = Path(os.environ["APP_HOME"])

# Signs the tokens, too: SIMPLE_JWT names no other key.
SECRET_KEY = (HOME / "secret").read_text().strip()
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.Users"
MEDIA_URL = "/media/"
MEDIA_ROOT = HOME / "media"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "corsheaders", "rest_framework", "users"]
CORS_ALLOWED_ORIGINS = ["https://passwords.example.com"]
CORS_ALLOW_CREDENTIALS = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "db.sqlite3",
        # Several threads write, and somebody may read the whole table meanwhile.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation." + name}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
# Django's default is 870,000 rounds; a busy test may ask for fewer.
PASSWORD_HASHERS = ["users.hashers.Hasher"]
PASSWORD_ROUNDS = int(os.environ.get("APP_ROUNDS", "870000"))
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}


def lives():
    from datetime import timedelta

    day = timedelta(days=1)
    return {"ACCESS_TOKEN_LIFETIME": day, "REFRESH_TOKEN_LIFETIME": day, "ROTATE_REFRESH_TOKENS": True}


SIMPLE_JWT = lives()
