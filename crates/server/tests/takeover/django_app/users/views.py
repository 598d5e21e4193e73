"""The endpoints as their documentation describes them."""

from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import RefreshToken
from users.models import Users
from users.serializers import ProfileSerializer, UsersSerializer


def refused(status, text):
    return Response({"error": text}, status=status)


def signed_in(user, status):
    refresh = RefreshToken.for_user(user)
    shown = UsersSerializer(instance=user).data
    return Response({"refresh": str(refresh), "access": str(refresh.access_token), "user": shown}, status=status)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def sign_in(request):
    email, password = (request.data.get(name) for name in ("email", "password"))
    if not email or not password:
        return refused(400, "Email and password are required.")
    try:
        user = Users.objects.get(email=email)
    except Users.DoesNotExist:
        return refused(404, "User does not exist.")
    if not user.check_password(password):
        return refused(400, "Invalid password")
    if not user.is_active:
        return refused(403, "User account is disabled.")
    return signed_in(user, 200)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def sign_up(request):
    if not any(name in request.data for name in ("username", "email", "password")):
        return refused(400, "Missing required fields.")
    serializer = UsersSerializer(data=request.data)
    if not serializer.is_valid():
        return Response(serializer.errors, status=400)
    return signed_in(serializer.save(), 201)


@api_view(["POST", "GET"])
def profile(request):
    return Response(ProfileSerializer(instance=request.user).data)


@api_view(["PUT"])
def update(request, id):
    if id != request.user.id:
        return refused(403, "Not authorized")
    serializer = ProfileSerializer(instance=request.user, data=request.data, partial=True)
    if not serializer.is_valid():
        return Response(serializer.errors, status=400)
    serializer.save()
    return Response(serializer.data)


@api_view(["DELETE"])
def delete(request, id):
    if id != request.user.id:
        return refused(403, "Not authorized")
    request.user.delete()
    return Response(status=204)


@api_view(["GET"])
def passwords(request):
    """What the application is for. It stays with the application, whoever signs its users in."""
    return Response({"owner": request.user.email, "passwords": []})
