"""`python -m stemhub_api`"""

from stemhub_service.serve import serve

serve("stemhub_api.main:app")
