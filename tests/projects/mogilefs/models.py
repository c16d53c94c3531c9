"""The manual's models: a class of MogileFS for each kind of file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import User
from django.core.files.storage import default_storage as storage
from django.db import models

if TYPE_CHECKING:
    from storages.backends.mogilefs import MogileFSStorage as Base
else:
    Base = storage.__class__


# TODO: Find a better way to deal with classes. Maybe a generator?  # noqa: FIX002, TD002, TD003 - the manual's
class AvatarStorage(Base):
    """Avatars, of which there are to be many copies."""

    mogile_class = "avatar"


class ThumbnailStorage(Base):
    """Thumbnails, which can be made anew."""

    mogile_class = "thumb"


class Avatar(models.Model):
    """Somebody's picture."""

    objects: ClassVar[models.Manager[Avatar]] = models.Manager()

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True)
    image = models.ImageField(storage=AvatarStorage())
    thumb = models.ImageField(storage=ThumbnailStorage())
