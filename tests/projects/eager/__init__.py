"""An app that uses a storage while Django is still creating the app configurations."""
