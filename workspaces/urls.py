"""The pages of the workspaces room."""

from django.urls import URLPattern, URLResolver, path

from workspaces.views import files, template_files, templates

urlpatterns: list[URLPattern | URLResolver] = [
    path("templates/", templates.TemplatesPage.as_view(), name="templates"),
    path("templates/new/", templates.NewTemplate.as_view(), name="template-new"),
    path("templates/preview/", templates.TitlePreview.as_view(), name="template-preview"),
    path("templates/<int:pk>/", templates.TemplatePage.as_view(), name="template"),
    path("templates/<int:pk>/archive/", templates.ArchiveTemplate.as_view(), name="template-archive"),
    path("templates/<int:pk>/file/", template_files.TemplateFile.as_view(), name="template-file"),
    path("templates/<int:pk>/file/delete/", template_files.DeleteTemplateFile.as_view(), name="template-file-delete"),
    path("workspaces/<int:pk>/files/<path:path>", files.FilePage.as_view(), name="workspace-file"),
    path("workspaces/<int:pk>/download/<path:path>", files.Download.as_view(), name="workspace-download"),
]
