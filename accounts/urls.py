"""The pages of the accounts room."""

from django.urls import URLPattern, URLResolver, path

from accounts.views import audit, me, signing

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", signing.SignIn.as_view(), name="login"),
    path("logout/", signing.SignOut.as_view(), name="logout"),
    path("me/", me.MePage.as_view(), name="me"),
    path("me/password/", me.Password.as_view(), name="password"),
    path("me/tokens/new/", me.NewToken.as_view(), name="token-new"),
    path("me/tokens/<slug:handle>/rate/", me.TokenRate.as_view(), name="token-rate"),
    path("me/tokens/<slug:handle>/end/", me.RevokeToken.as_view(), name="token-revoke"),
    path("audit/", audit.AuditPage.as_view(), name="audit"),
]
