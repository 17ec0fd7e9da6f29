"""djangorestframework-api-key on SQLite: its permission class, asked in process.

Only the permission: no URL resolving, middleware, view or answer, which a request would pay for
too.
"""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",  # noqa: S106 - signs nothing
    INSTALLED_APPS=["rest_framework", "rest_framework_api_key"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{os.environ['BENCH_FOLDER']}/{os.getpid()}.db",
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402 - Django wants its settings first
from django.test import RequestFactory  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402

call_command("migrate", verbosity=0)
_, KEY = APIKey.objects.create_key(name="billing")


def verify(times: int) -> None:
    """Ask the permission."""
    request = RequestFactory().get("/orders/42", headers={"authorization": f"Api-Key {KEY}"})
    for _ in range(times):
        if not HasAPIKey().has_permission(request, None):
            raise SystemExit("not let in")


CASES = {"drf": verify}
