"""The pages, through Django's test client: ``python example/manage.py test example``."""
