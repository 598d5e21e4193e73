from django.contrib.auth.password_validation import validate_password
from rest_framework.serializers import CharField, ModelSerializer
from users.models import Users

SHOWN = ["id", "username", "email", "first_name", "last_name", "number_phone", "avatar"]


class PasswordField(CharField):
    """Taken as typed, by Django's own rules, and never shown."""

    def __init__(self):
        super().__init__(write_only=True, max_length=128, trim_whitespace=False, validators=[validate_password])


class UsersSerializer(ModelSerializer):
    """What a sign-up takes, and what it and a sign-in show."""

    password = PasswordField()

    class Meta:
        model = Users
        fields = [*SHOWN, "password"]
        extra_kwargs = {"email": {"required": True, "allow_null": False}}

    def create(self, fields):
        return Users.objects.create_user(**fields)


class ProfileSerializer(ModelSerializer):
    class Meta:
        model = Users
        fields = [*SHOWN, "date_joined", "last_login", "is_active", "is_staff", "is_superuser"]
        read_only_fields = fields[-5:]
