module stemhub.dev/local-cluster/pause

go 1.26.8
