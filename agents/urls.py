"""The pages of the agents room."""

from django.urls import URLPattern, URLResolver, path

from agents.views import limits, profiles, record_rules, records

urlpatterns: list[URLPattern | URLResolver] = [
    path("limits/", limits.LimitsPage.as_view(), name="limits"),
    path("limits/resume/", limits.ResumeAll.as_view(), name="limits-resume"),
    path("obsolete-agents/", records.RecordsPage.as_view(), name="records"),
    path("obsolete-agents/<int:pk>/", records.RecordPage.as_view(), name="record"),
    path("obsolete-agents/<int:pk>/compare/", records.ComparePage.as_view(), name="record-compare"),
    path("obsolete-agents/<int:pk>/restore/", records.RestoreRecord.as_view(), name="record-restore"),
    path("obsolete-agents/<int:pk>/pin/", records.PinRecord.as_view(), name="record-pin"),
    path("obsolete-agents/<int:pk>/unpin/", records.UnpinRecord.as_view(), name="record-unpin"),
    path("retention/agents/", record_rules.RulePage.as_view(), name="record-rules"),
    path("retention/agents/template/<int:pk>/", record_rules.TemplateRulePage.as_view(), name="template-record-rule"),
    path(
        "retention/agents/workspace/<int:pk>/", record_rules.WorkspaceRulePage.as_view(), name="workspace-record-rule"
    ),
    path("profiles/", profiles.ProfilesPage.as_view(), name="profiles"),
    path("profiles/new/", profiles.NewProfile.as_view(), name="profile-new"),
    path("profiles/<int:pk>/", profiles.ProfilePage.as_view(), name="profile"),
    path("profiles/<int:pk>/archive/", profiles.ArchiveProfile.as_view(), name="profile-archive"),
]
