"""`python -m stemhub_dawparser`"""

from stemhub_service.serve import serve

serve("stemhub_dawparser.main:app")
