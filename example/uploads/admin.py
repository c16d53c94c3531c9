"""Model forms with file fields, in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from .models import Document


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Documents with their three files."""

    list_display = ("title", "owner", "attachment", "photo", "badge")
