# An image of one static binary, the certificate authorities it trusts, and its licence: no shell, no libraries, no other files.
#
# With a registry to pull from:   docker build --tag pod-remediator:0.1.0 .
# Without one, cargo builds the binary on the host. A directory with the same files then replaces the stage `builder`, which is
# not built at all.
# `make image` uses the way that is possible.

FROM docker.io/library/rust:1.95.0-alpine AS builder
WORKDIR /src
COPY . .
# Use the image's own toolchain, not the one of rust-toolchain.toml with its lints and formatter. Alpine's target is musl.
ENV RUSTUP_TOOLCHAIN=1.95.0 RUSTFLAGS="-C target-feature=+crt-static"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/pod-remediator LICENSE NOTICE /

FROM scratch
# These are for webhooks and probes. SSL_CERT_FILE names others. The API server's certificate comes with the ServiceAccount.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=builder /LICENSE /NOTICE /licenses/
COPY --from=builder /pod-remediator /pod-remediator
LABEL org.opencontainers.image.title="pod-remediator" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
ENTRYPOINT ["/pod-remediator"]
