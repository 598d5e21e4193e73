from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class Hasher(PBKDF2PasswordHasher):
    """Django's own, with the number of rounds from the settings, as its documentation shows."""

    iterations = settings.PASSWORD_ROUNDS
