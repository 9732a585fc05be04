# Short names for what people do here; everything they do is a script of package.json. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test up down kubeconfig images

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z_]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: node_modules ## a cluster with a StemHub in it, from nothing; says what to look at
	@npm run -s demo

test: node_modules ## every test there is: units, API server, chart, cluster
	@npm run -s all-tests

up: node_modules ## bring this checkout's cluster up, or mend it
	@npm run -s cluster -- up

down: node_modules ## end the cluster and remove its state; programs and images stay cached
	@npm run -s cluster -- down

kubeconfig: node_modules ## print the path of its kubeconfig, and nothing else
	@npm run -s cluster -- kubeconfig

images: node_modules ## build all images and give them to every node
	@npm run -s cluster -- images

# npm writes this file last, so an install that was cut short is done again. Its words go to standard error:
# `make -s kubeconfig` prints a path and nothing else.
node_modules: node_modules/.package-lock.json
node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund >&2
	@touch $@
