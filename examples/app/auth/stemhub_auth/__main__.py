"""`python -m stemhub_auth`"""

from stemhub_service.serve import serve

serve("stemhub_auth.main:app")
