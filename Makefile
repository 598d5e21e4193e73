# make run · make test · make test-takeover · make check · make bench · make bench-capacity

CARGO ?= cargo

.PHONY: run test test-long test-takeover check bench bench-capacity clean

run: ## start on 127.0.0.1:8000 with the embedded database and every built-in dialect
	$(CARGO) run --release --package countersign-server --bin countersign -- serve

test: ## install what the tests need, then run all of them
	scripts/setup-tests.sh
	scripts/test.sh

test-long: ## crash rounds, property tests and the history of two nodes at full length
	scripts/setup-tests.sh
	COUNTERSIGN_DIFFERENTIAL_SEED=$$(date +%s) COUNTERSIGN_DIFFERENTIAL_TIMES=20 COUNTERSIGN_HISTORY_SECONDS=300 \
	COUNTERSIGN_CRASH_ROUNDS=200 COUNTERSIGN_MODEL_ROUNDS=2000 scripts/test.sh

test-takeover: ## take over a live Django application with 100,000 users and a NestJS one with 5,000, and give them back
	scripts/setup-tests.sh
	COUNTERSIGN_TAKEOVER_USERS=100000 COUNTERSIGN_TAKEOVER_SECONDS=20 \
	$(CARGO) test --release --package countersign-server --test takeover -- --nocapture --test-threads 1

check: ## format, lints, fuzz targets, licences, duplicate crates
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	$(CARGO) check --quiet --manifest-path fuzz/Cargo.toml --target-dir target/fuzz
	scripts/deny.sh

bench: ## measure the release binary over loopback and print the table
	$(CARGO) build --release --package countersign-server
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- --server target/release/countersign

bench-capacity: ## fill databases of up to 10 million users and measure what each costs: 16 GB and half an hour
	$(CARGO) build --release --package countersign-server
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- capacity --server target/release/countersign

clean:
	$(CARGO) clean
