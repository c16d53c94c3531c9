"""The documented settings, as they stand in the manual, behind what every project needs today."""

SECRET_KEY = "only for tests"
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tests.projects.mogilefs",
    "storages",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MEDIA_URL = "/media/"
ROOT_URLCONF = "tests.projects.mogilefs.urls"

MOGILEFS_DOMAIN = "production"
MOGILEFS_TRACKERS = ["foo.sample.com:7001", "bar.sample.com:7001"]
MOGILEFS_MEDIA_URL = "/mogilefs/"
SERVE_WITH_PERLBAL = True
DEFAULT_FILE_STORAGE = "project.app.storages.MogileFSStorage"
