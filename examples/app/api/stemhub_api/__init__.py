"""The example StemHub backend: users, projects, branches, versions and their artifacts."""
