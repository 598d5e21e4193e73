"""The user endpoints of another API on the same users, as its documentation describes them."""

from datetime import timedelta

from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
from users.models import Users
from users.serializers import PasswordField


class ShortAccess(AccessToken):
    lifetime = timedelta(minutes=15)


class LongRefresh(RefreshToken):
    lifetime = timedelta(days=30)
    access_token_class = ShortAccess


class PairSerializer(TokenObtainPairSerializer):
    token_class = LongRefresh


class AccessSerializer(TokenRefreshSerializer):
    def validate(self, fields):
        return {"access": str(LongRefresh(fields["refresh"]).access_token)}


class NewcomerSerializer(ModelSerializer):
    password = PasswordField()

    class Meta:
        model = Users
        fields = ["username", "password"]


token = TokenObtainPairView.as_view(serializer_class=PairSerializer)
refresh = TokenRefreshView.as_view(serializer_class=AccessSerializer)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def register(request):
    newcomer = NewcomerSerializer(data=request.data)
    if not newcomer.is_valid():
        return Response({"username": "Username already exists"}, status=400)
    user = Users(username=newcomer.validated_data["username"])
    user.set_password(newcomer.validated_data["password"])
    user.save()
    return Response({"message": "User registered successfully"}, status=201)
