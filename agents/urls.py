"""The pages of the agents room."""

from django.urls import URLPattern, URLResolver, path

from agents.views import limits, profiles

urlpatterns: list[URLPattern | URLResolver] = [
    path("limits/", limits.LimitsPage.as_view(), name="limits"),
    path("limits/resume/", limits.ResumeAll.as_view(), name="limits-resume"),
    path("profiles/", profiles.ProfilesPage.as_view(), name="profiles"),
    path("profiles/new/", profiles.NewProfile.as_view(), name="profile-new"),
    path("profiles/<int:pk>/", profiles.ProfilePage.as_view(), name="profile"),
    path("profiles/<int:pk>/archive/", profiles.ArchiveProfile.as_view(), name="profile-archive"),
]
