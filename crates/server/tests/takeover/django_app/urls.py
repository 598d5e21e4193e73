from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
from users import travel, views

urlpatterns = [
    path("api/sign-in/", views.sign_in),
    path("api/sign-up/", views.sign_up),
    path("api/profile/", views.profile),
    path("api/profile/<int:id>/update/", views.update),
    path("api/profile/<int:id>/delete/", views.delete),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/user/token/", travel.token),
    path("api/user/token/refresh", travel.refresh),
    path("api/user/register/", travel.register),
    path("api/passwords/", views.passwords),
]
